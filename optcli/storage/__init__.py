"""Storage: what is kept, and by whom it is written.

files         atomic writes, checksums, arrays and JSON in files
kinds         what a run folder holds, as its environment.json says
run_folder    folders that optcli makes: claimed, sealed, removed
lock          one process at a time writes into a folder
results       what runs leave in them, read back: summary.json, history.csv
outputs       files that the user names to write to
interruption  signals
dispatch      independent jobs in this process, in several, or on a cluster
"""
