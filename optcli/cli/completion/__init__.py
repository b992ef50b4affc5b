"""Completion: what may stand where the cursor is, for bash, zsh and fish.

Each TAB is a process, and takes no longer than Python's start and a few small files: commands and
their options are read from the text of their modules, names and config keys from the JSON Schema.
Nothing of optcli is imported but what is here.

    candidates   what the word at the cursor may become
    syntax       commands, options and arguments, from the text of their modules
    keys         dotted config keys, and names, from the JSON Schema
    paths        files, folders and runs
    shells       the scripts for the shells, and where they are installed
"""
