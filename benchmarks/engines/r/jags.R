# JAGS through rjags: model.bug as people write it, or additive.bug. Draws in portions, so that a limit of time leaves what there is.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])), "common.R"))
suppressPackageStartupMessages(library(rjags))
if (problem$facts$glm) load.module("glm", quiet = TRUE)

file <- file.path(job$problem, job$settings$file)
text <- paste(sub("#.*", "", readLines(file)), collapse = "\n")
named <- function(name) grepl(paste0("(^|[^A-Za-z0-9_.])", gsub("([.])", "\\\\\\1", name), "([^A-Za-z0-9_.]|$)"), text)

data <- timed("setup", {
  arrays <- sub("[.]npy$", "", list.files(job$problem, "[.]npy$"))
  found <- lapply(setNames(arrays, arrays), function(name) if (named(name)) array_of(name) else NULL)
  found <- Filter(Negate(is.null), found)
  sizes <- list(N = as.numeric(problem$rows), p = length(problem$coefficients), C = problem$categories)
  for (e in problem$effects) sizes[[paste0("J_", e$tag)]] <- e$levels
  c(found, Filter(Negate(is.null), lapply(setNames(names(sizes), names(sizes)), function(name) if (named(name)) sizes[[name]] else NULL)))
})
if (!is.null(data$y)) data$y <- as.vector(data$y)
start <- c(list(.RNG.name = "base::Mersenne-Twister", .RNG.seed = 1000L + as.integer(job$seed)), lapply(problem$starts, unlist))
model <- timed("compile", jags.model(file, data = data, inits = start, n.chains = 1, n.adapt = 0, quiet = TRUE))
timed("warmup", {
  invisible(adapt(model, job$warmup %/% 2, end.adaptation = TRUE, progress.bar = "none"))
  if (job$warmup > 1) update(model, job$warmup - job$warmup %/% 2, progress.bar = "none")
})

theirs <- strings("variables.json")
ours <- strings("names.json")
tops <- unique(sub("\\[.*", "", theirs))
portions <- list()
drawn <- 0
portion <- max(1, job$draws %/% 20)
while (drawn < job$draws && (drawn < 20 || used() < job$budget)) {
  size <- min(portion, job$draws - drawn)
  portions[[length(portions) + 1]] <- timed("sampling", as.matrix(coda.samples(model, tops, n.iter = size, progress.bar = "none")[[1]]))
  drawn <- drawn + size
}
draws <- do.call(rbind, portions)
alone <- !(theirs %in% colnames(draws))  # coda writes an array of one element without its index
theirs[alone] <- sub("\\[.*", "", theirs[alone])
draws <- draws[, theirs, drop = FALSE]
colnames(draws) <- ours
leave(draws, note = if (drawn < job$draws) "stopped at the limit of time" else "")
