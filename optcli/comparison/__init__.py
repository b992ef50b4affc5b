"""Comparison: which of several optimizers is better here, and how sure that is.

    settings          budget, seeds, metric, workers
    problem           the entries, what they train, and what is measured
    tuning            entries, their candidates and the choice among them
    held_out          the rows that a verdict is on, which choose nothing before
    crossfit          the validation loss of a run at an epoch that other rows chose
    trials            single runs, trained together in cohorts
    runner            in this process, in others or on a cluster
    study             tune, extend, halve, final: which runs, and in what order
    store             runs.csv and history.csv
    signed_rank       the test of pairs, with its interval
    ranking           medians, ranks and ties of all
    power             how many seeds there are by default
    verdict           what the first two allow to say, in one sentence
    targets           steps to a target; learning rates that are nearly the best
    across            what the seeds of several configs say together of a pair
    profile           performance profiles over several configs
    diverged_values   arithmetic with runs that diverged
    equal_costs       where steps cost more for some, what runs were after equal costs
    step_time         the relative time of a step
    summary           what summary.json says of it all
    gate              conditions on the verdict that decide the exit code
    best              the config of each entry at its chosen setting
    run_comparison    a comparison in its folder
    shards            several tasks that do a comparison together, and what fits together of them
    asked             what a comparison was asked for, kept in the folder of a shard
    several_problems  what is claimed of several configs, and with how many seeds
    suites            sets of problems
    costly            which optimizers cost too much for all problems of a suite
    run_benchmark     the same optimizers on several configs
    result            what a comparison leaves, and who is told how it goes
    courses           what was measured along the final runs
    read_back         what a finished comparison left in its folder
    figures           which figures a comparison gets
    tuning_curve      what the best of so many settings is worth

Throughout, a value is better when lower, and infinite where the run diverged.
"""
