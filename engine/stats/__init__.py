"""Pure statistics of a study: form, gap, ceilings, lens scores, and the interval of each.

Rating histograms are the sufficient statistics, so the cost of everything here does not grow with the number of
samples. Nothing in this package reads a database, loads a model or calls a judge.
"""
