# glmmTMB: point estimates.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])), "common.R"))
suppressPackageStartupMessages(suppressWarnings(library(glmmTMB)))

made <- timed("setup", frame_and_formula())
left <- if (has_array("trials")) "cbind(y, failures)" else "y"
formula <- as.formula(paste(left, "~", made$right))
family <- if (problem$facts$family == "negative_binomial") nbinom2() else family_of()
fit <- timed("sampling", suppressMessages(suppressWarnings(glmmTMB(formula, made$data, family = family))))
fixed <- fixef(fit)$cond
names(fixed) <- sub("^\\(Intercept\\)$", "Intercept", names(fixed))
estimates <- setNames(as.list(unname(fixed[made$names])), names(made$names))
for (e in made$effects) {
  sds <- attr(VarCorr(fit)$cond[[e$group]], "stddev")
  names(sds) <- sub("^\\(Intercept\\)$", "Intercept", names(sds))
  for (a in seq_along(e$columns)) estimates[[e$effect$sd_names[[a]]]] <- unname(sds[e$columns[a]])
}
if (problem$facts$family == "gaussian") estimates$sigma <- sigma(fit)
leave(estimates = estimates)
