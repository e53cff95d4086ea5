# lmer and glmer of lme4: point estimates. Their seconds are those of the fit alone; there is no posterior.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])), "common.R"))
suppressPackageStartupMessages(library(lme4))

made <- timed("setup", frame_and_formula())
left <- if (has_array("trials")) "cbind(y, failures)" else "y"
formula <- as.formula(paste(left, "~", made$right))
fit <- timed("sampling", suppressMessages(suppressWarnings(
  if (problem$facts$family == "gaussian") lmer(formula, made$data, REML = TRUE) else glmer(formula, made$data, family = family_of())
)))
fixed <- fixef(fit)
names(fixed) <- sub("^\\(Intercept\\)$", "Intercept", names(fixed))
estimates <- setNames(as.list(unname(fixed[made$names])), names(made$names))
for (e in made$effects) {
  own <- VarCorr(fit)[[e$group]]
  sds <- attr(own, "stddev")
  names(sds) <- sub("^\\(Intercept\\)$", "Intercept", names(sds))
  for (a in seq_along(e$columns)) estimates[[e$effect$sd_names[[a]]]] <- unname(sds[e$columns[a]])
}
if (problem$facts$family == "gaussian") estimates$sigma <- sigma(fit)
leave(estimates = estimates, note = if (isSingular(fit)) "singular fit" else "")
