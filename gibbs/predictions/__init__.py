"""What a posterior says of rows: predictions, new rows and new levels, missing outcomes, effects of predictors, poststratification."""
