# clmm of ordinal: point estimates of cumulative models.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])), "common.R"))
suppressPackageStartupMessages(library(ordinal))

made <- timed("setup", frame_and_formula())
formula <- as.formula(paste("y ~", made$right))
fit <- timed("sampling", clmm(formula, data = made$data, link = problem$facts$link))
estimates <- setNames(as.list(unname(fit$beta[made$names])), names(made$names))
for (e in made$effects) estimates[[e$effect$sd_names[[1]]]] <- unname(attr(VarCorr(fit)[[e$group]], "stddev")[1])
for (k in seq_along(fit$alpha)) estimates[[sprintf("b_Intercept[%d]", k)]] <- unname(fit$alpha[k])
leave(estimates = estimates)
