"""Comparison: which of several optimizers is better here, and how sure that is.

settings          budget, seeds, metric, workers
problem           the entries, what they train, and what is measured
tuning            entries, their candidates and the choice among them
trials            single runs, trained together in cohorts
study             tune, extend, decide: which runs, and in what order
store             runs.csv and history.csv
statistics        what may be concluded from the final runs
summary           the same as summary.json says it
step_time         the relative time of a step
one_problem       a comparison in its folder
several_problems  the same on several configs
result            what a comparison leaves, and who is told how it goes
figures           which figures a comparison gets
"""
