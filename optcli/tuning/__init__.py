"""Tuning: a search for the best setting of some keys, and its model.

    settings     of a search: budget, seeds, metric, workers
    sequence     points spread evenly over a space, by a seed
    candidates   the settings to try, each a config of its own
    plan         how many settings train how long, round by round
    scores       what a setting is worth
    search       the rounds, as trials of a comparison are run
    importance   how much of the score each key explains
    summary      trials.csv, and what summary.json says
    events       who is told how it goes
    refit        the config of the model that is trained at last
    run_search   a search in its folder
    shards       tasks of a job array that do a search together
    folds        cross-validation of one config

Settings are scored on validation rows alone; the test part is measured once, by the model that
is trained at the end. A score is turned, so that lower is better, and infinite where a run
diverged.
"""
