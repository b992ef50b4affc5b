"""Starter: a commented config for a table, from what the table shows.

    proposal  from a table and its targets to a config with reasons
    columns   what becomes of each column
    goal      what is predicted, by which loss and metrics
    draft     what is known before a model is chosen
    parts     which rows validate and test
    recipe    models to try, and how each is trained
    trial     which of them suits the table, by cross-validation
    reasons   the config line by line, with what speaks for each
    page      a config as YAML with comments
    example   the table that comes with optcli

Nothing here looks at the test rows of the config that is written.
"""
