# rstanarm: stan_glmer, one chain. Priors of coefficients and of a lone sd's scale as stated; the rest as it has them.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])), "common.R"))
suppressPackageStartupMessages(library(rstanarm))

made <- timed("setup", frame_and_formula())
left <- if (has_array("trials")) "cbind(y, failures)" else "y"
formula <- as.formula(paste(left, "~", made$right))
scales <- sapply(problem$statements, function(s) s$scale)
means <- sapply(problem$statements, function(s) s$mean)
first <- problem$intercept + 1
arguments <- list(
  formula, data = made$data, family = family_of(), chains = 1, iter = job$warmup + job$draws, warmup = job$warmup, seed = job$seed,
  refresh = 0, prior_intercept = normal(means[first], scales[first], autoscale = FALSE), prior_covariance = decov(1, 1, 1, problem$effects[[1]]$sds[[1]][[2]][[3]])
)
if (length(scales) > 1) arguments$prior <- normal(means[-first], scales[-first], autoscale = FALSE)
if (problem$facts$family == "gaussian") arguments$prior_aux <- student_t(3, 0, problem$own$sigma[[2]][[3]], autoscale = FALSE)
began <- used()
fit <- suppressWarnings(suppressMessages(do.call(stan_glmer, arguments)))
stages_of_stan(rstan::get_elapsed_time(fit$stanfit), used() - began)

theirs <- as.matrix(fit)
inside <- function(name) if (name == "Intercept") "(Intercept)" else name
found <- list()
for (name in names(made$names)) found[[name]] <- theirs[, inside(made$names[[name]])]
covariance <- function(e, a, b) {
  one <- sprintf("Sigma[%s:%s,%s]", e$group, inside(e$columns[max(a, b)]), inside(e$columns[min(a, b)]))
  theirs[, one]
}
for (e in made$effects) {
  for (a in seq_along(e$columns)) found[[e$effect$sd_names[[a]]]] <- sqrt(covariance(e, a, a))
  for (pair in e$effect$correlation_names) {
    a <- pair[[1]] + 1
    b <- pair[[2]] + 1
    found[[pair[[3]]]] <- covariance(e, a, b) / sqrt(covariance(e, a, a) * covariance(e, b, b))
  }
}
if (problem$facts$family == "gaussian") found$sigma <- theirs[, "sigma"]
ours <- strings("names.json")
for (e in made$effects) {
  first <- e$effect$first_effect
  q <- length(e$columns)
  for (j in seq_len(e$effect$levels)) for (a in seq_len(q)) {
    found[[ours[first + (j - 1) * q + a]]] <- theirs[, sprintf("b[%s %s:%d]", inside(e$columns[a]), e$group, j)]
  }
}
draws <- do.call(cbind, found)
leave(draws)
