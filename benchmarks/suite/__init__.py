"""What the suite is made of: grids, problems, runs, results, tables and pictures; engines have a folder of their own."""
