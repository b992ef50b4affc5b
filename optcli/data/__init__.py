"""Data: tables, synthetic data sets, and their preparation for training.

    base               `Dataset`: where a table comes from, what its columns are for
    csv                the data set in a file, or several
    in_memory          the data set in memory
    table_file         what tables that are given have in common
    synthetic          data sets made by rule
    table              the raw columns of a data set
    columns            numbers or words
    contents           what a file holds, and the columns that its cells make up
    cells              the rules that decide what a column of text cells is
    characters         what is invisible in a text, or has a plainer character
    dates              which texts are dates, and what a model is given of them
    written_numbers    which texts are numbers with a currency, a unit or separators
    forms              what columns are that the config lists as dates or written numbers
    reading_rules      which of them a run was read by
    naming             names of columns
    delimited          reads CSV and its relatives
    dialect            finds the delimiter
    ndjson             reads NDJSON
    spreadsheet        reads Excel's workbooks
    arrays             reads NumPy's files and IDX
    columnar           reads Parquet and Arrow
    frames             the columns of polars data frames
    formats            what a file is, by its name and by what it begins with
    opening            opens a file, or several, before anything is known of it
    unsupported_files  says what a file is that is no table
    stored             columns that stay in a file
    streaming          tables larger than memory
    packings           bytes compressed piece by piece
    pieces             the rows of a large table, each looked at once
    preparation        from a table to arrays
    fitting            how columns are encoded, as the training rows say
    split              which rows train, validate and test
    checks             whether columns are fit for what they are meant for
    rare               classes of too few rows
    remarks            columns that are no data
    recognition        what columns are, where no config says it yet
    encoding           from raw rows to inputs, and from scores to answers
    features           what becomes of a column that a model looks at
    targets            what becomes of the target's columns, and of scores
    categories         the values of a column, and which of the known ones its cells are
    column_faults      what is wrong with a column, in words
    encoder_checks     whether an encoder that was read from a file can be one
    batches            the rows of an epoch, in their order
    checksum           by which a run knows its rows again
    row_hashes         by which single rows are known again

A table is looked at a block of rows at a time, in memory or in a file.
"""
