"""A posterior, or the model behind it, in the files of other programs: coda, CSV and Parquet; JAGS and Stan.

``tidy`` and ``coda`` write draws. ``jags`` and ``stan`` write the model itself, with its priors, data and a script that runs it, from one
description of it (``program``), so that anybody can have the answer from a program that shares no line with this one.
"""
