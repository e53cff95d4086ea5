# What every engine in R shares: the problem as arrays, a data frame and a formula of it, clocks, and the files that a job leaves.

suppressPackageStartupMessages(library(jsonlite))

folder <- commandArgs(trailingOnly = TRUE)[1]
job <- fromJSON(file.path(folder, "job.json"), simplifyVector = FALSE)
problem <- fromJSON(file.path(job$problem, "problem.json"), simplifyVector = FALSE)
seconds <- list(setup = 0, compile = 0, warmup = 0, sampling = 0)

# processor seconds of this process and its children
used <- function() sum(proc.time()[c(1, 2, 4, 5)])

timed <- function(stage, expression) {
  began <- used()
  value <- force(expression)
  seconds[[stage]] <<- seconds[[stage]] + used() - began
  value
}

# Stan's clock counts processor seconds of its two stages; what a fit takes beside them is set-up
stages_of_stan <- function(clock, whole) {
  seconds$warmup <<- sum(clock[, "warmup"])
  seconds$sampling <<- sum(clock[, "sample"])
  seconds$setup <<- seconds$setup + max(0, whole - seconds$warmup - seconds$sampling)
}

strings <- function(file) as.character(fromJSON(file.path(job$problem, file)))
has_array <- function(name) file.exists(file.path(job$problem, paste0(name, ".npy")))

# NumPy's format, version 1: little-endian doubles or 32-bit integers, column by column
array_of <- function(name) {
  connection <- file(file.path(job$problem, paste0(name, ".npy")), "rb")
  on.exit(close(connection))
  readBin(connection, "raw", 8)
  header <- readChar(connection, readBin(connection, "integer", 1, size = 2, signed = FALSE, endian = "little"), useBytes = TRUE)
  shape <- regmatches(header, regexpr("\\([^)]*\\)", header))
  dims <- as.numeric(regmatches(shape, gregexpr("[0-9]+", shape))[[1]])
  values <- if (grepl("<i4", header)) readBin(connection, "integer", prod(dims), size = 4, endian = "little") else
    readBin(connection, "double", prod(dims), size = 8, endian = "little")
  if (length(dims) > 1) matrix(values, dims[1], dims[2]) else values
}

write_array <- function(values, file) {
  header <- sprintf("{'descr': '<f8', 'fortran_order': True, 'shape': (%d, %d), }", nrow(values), ncol(values))
  header <- paste0(header, strrep(" ", 63 - (10 + nchar(header)) %% 64), "\n")
  connection <- file(file, "wb")
  on.exit(close(connection))
  writeBin(as.raw(c(0x93, utf8ToInt("NUMPY"), 1, 0)), connection)
  writeBin(nchar(header), connection, size = 2, endian = "little")
  writeChar(header, connection, eos = NULL, useBytes = TRUE)
  writeBin(as.double(values), connection, size = 8, endian = "little")
}

refuse <- function(reason) {
  writeLines(reason, file.path(folder, "refused.txt"))
  quit(status = 0)
}

leave <- function(draws = NULL, estimates = NULL, note = "", priors = "") {
  if (is.null(draws)) {
    write(toJSON(as.list(estimates), auto_unbox = TRUE, digits = NA), file.path(folder, "estimates.json"))
  } else {
    write_array(draws, file.path(folder, "draws.npy"))
    write(toJSON(colnames(draws)), file.path(folder, "names.json"))
  }
  write(toJSON(c(seconds, note = note, priors = priors), auto_unbox = TRUE, digits = NA), file.path(folder, "found.json"))
}

# ------------------------------------------------------------------------------------------- the problem as a frame and a formula

# Columns x1 … xp, groups g1 … gK, further columns of varying effects z1_1 …; the model is on the same columns as anywhere
frame_and_formula <- function() {
  data <- list()
  terms <- character()
  coefficients <- unlist(problem$coefficients)
  if (length(coefficients)) {
    X <- array_of("X")
    constant <- apply(X, 2, function(column) all(column == 1))
    for (j in which(!constant)) {
      data[[paste0("x", j)]] <- X[, j]
      terms <- c(terms, paste0("x", j))
    }
  } else {
    X <- matrix(0, problem$rows, 0)
    constant <- logical()
  }
  intercept <- any(constant) || problem$categories > 0
  names <- setNames(ifelse(constant, "Intercept", paste0("x", seq_along(coefficients))), coefficients)
  terms <- c(if (intercept) "1" else "0", terms)
  effects <- list()
  for (k in seq_along(problem$effects)) {
    e <- problem$effects[[k]]
    g <- paste0("g", k)
    data[[g]] <- factor(array_of(e$index), levels = seq_len(e$levels))
    columns <- "Intercept"
    if (nchar(e$z)) {
      Z <- as.matrix(array_of(e$z))
      columns <- character()
      for (a in seq_len(ncol(Z))) {
        same <- if (ncol(X)) which(apply(X, 2, function(x) all(x == Z[, a]))) else integer()
        if (all(Z[, a] == 1)) column <- "Intercept" else if (length(same)) column <- paste0("x", same[1]) else {
          column <- paste0("z", k, "_", a)
          data[[column]] <- Z[, a]
        }
        columns <- c(columns, column)
      }
    }
    inner <- c(if ("Intercept" %in% columns) "1" else "0", setdiff(columns, "Intercept"))
    terms <- c(terms, sprintf("(%s | %s)", paste(inner, collapse = " + "), g))
    effects[[k]] <- list(group = g, columns = columns, effect = e)
  }
  if (has_array("offset_")) {
    data$off <- array_of("offset_")
    terms <- c(terms, "offset(off)")
  }
  y <- array_of("y")
  if (problem$categories > 0) data$y <- factor(y, ordered = TRUE) else data$y <- y
  if (has_array("trials")) {
    data$trials <- array_of("trials")
    data$failures <- data$trials - data$y
  }
  list(data = as.data.frame(data), right = paste(terms, collapse = " + "), names = names, effects = effects)
}

family_of <- function() {
  switch(problem$facts$family, gaussian = gaussian(), probit = binomial("probit"), logit = binomial("logit"),
    binomial = binomial(problem$facts$link), poisson = poisson())
}
