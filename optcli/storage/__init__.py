"""Storage: what is kept, and by whom it is written.

files         atomic writes, checksums, arrays and JSON in files
kinds         what a run folder holds, as its environment.json says
lock          one process at a time writes into a folder
seals         checksums over the files of a finished folder
run_folder    folders that optcli makes: recognized and removed
destination   where a command leaves its results, claimed in one way by all
paths         names that every system takes, ways from one folder to a file
results       what runs leave in them, read back: summary.json, history.csv
outputs       files that the user names to write to
background    a thread that writes while another reads
interruption  signals
dispatch      independent jobs in this process, in several, or on a cluster
"""
