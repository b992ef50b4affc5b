"""Storage: what is kept, and by whom it is written.

files         atomic writes, checksums, arrays and JSON in files
run_folder    folders that optcli makes: claimed, locked, sealed, recognised
outputs       files that the user names to write to
interruption  signals
dispatch      independent jobs in this process, in several, or on a cluster
"""
