# brms with rstan, one chain: the priors as stated, each coefficient its own. Compiling the model is part of every new fit.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])), "common.R"))
suppressPackageStartupMessages(library(brms))
# rstan looks for Boost in the package BH, which is empty where the system has Boost among its own headers (Debian)
if (!nzchar(system.file("include", package = "BH"))) rstan::rstan_options(boost_lib = "/usr/include")

made <- timed("setup", frame_and_formula())
kind <- problem$facts$family
left <- if (has_array("trials")) "y | trials(trials)" else "y"
formula <- as.formula(paste(left, "~", made$right))
family <- switch(kind, probit = bernoulli("probit"), logit = bernoulli("logit"), ordinal = cumulative(problem$facts$link), negative_binomial = negbinomial(), family_of())
normal_text <- function(s) sprintf("normal(%.10g, %.10g)", s$mean, s$scale)
half_t_text <- function(prior) sprintf("student_t(%g, 0, %.10g)", prior[[2]][[1]], prior[[2]][[3]])
priors <- empty_prior()
for (j in seq_along(problem$statements)) {
  name <- made$names[[j]]
  text <- normal_text(problem$statements[[j]])
  priors <- priors + if (name == "Intercept") set_prior(text, class = "Intercept") else set_prior(text, class = "b", coef = name)
}
for (e in made$effects) {
  for (a in seq_along(e$columns)) priors <- priors + set_prior(half_t_text(e$effect$sds[[a]]), class = "sd", group = e$group, coef = e$columns[a])
  if (length(e$columns) > 1) priors <- priors + set_prior(sprintf("lkj(%g)", e$effect$eta), class = "cor", group = e$group)
}
if (!is.null(problem$own$sigma)) priors <- priors + set_prior(half_t_text(problem$own$sigma), class = "sigma")
if (problem$categories > 0) priors <- priors + set_prior(sprintf("normal(%g, %g)", problem$cutpoint[[2]][[1]], problem$cutpoint[[2]][[2]]), class = "Intercept")
empty <- timed("compile", suppressMessages(brm(formula, made$data, family = family, prior = priors, chains = 0, refresh = 0, silent = 2)))
began <- used()
fit <- suppressWarnings(suppressMessages(update(
  empty, chains = 1, iter = job$warmup + job$draws, warmup = job$warmup, seed = job$seed, refresh = 0, silent = 2, recompile = FALSE
)))
stages_of_stan(rstan::get_elapsed_time(fit$fit), used() - began)

theirs <- as.matrix(fit)
found <- list()
for (name in names(made$names)) found[[name]] <- theirs[, paste0("b_", made$names[[name]])]
for (e in made$effects) {
  for (a in seq_along(e$columns)) found[[e$effect$sd_names[[a]]]] <- theirs[, sprintf("sd_%s__%s", e$group, e$columns[a])]
  for (pair in e$effect$correlation_names) {
    found[[pair[[3]]]] <- theirs[, sprintf("cor_%s__%s__%s", e$group, e$columns[pair[[1]] + 1], e$columns[pair[[2]] + 1])]
  }
}
for (k in seq_len(max(0, problem$categories - 1))) found[[sprintf("b_Intercept[%d]", k)]] <- theirs[, sprintf("b_Intercept[%d]", k)]
if (!is.null(problem$own$sigma)) found$sigma <- theirs[, "sigma"]
ours <- strings("names.json")
for (e in made$effects) {
  first <- e$effect$first_effect
  q <- length(e$columns)
  for (j in seq_len(e$effect$levels)) for (a in seq_len(q)) {
    found[[ours[first + (j - 1) * q + a]]] <- theirs[, sprintf("r_%s[%d,%s]", e$group, j, e$columns[a])]
  }
}
draws <- do.call(cbind, found)
leave(draws)
