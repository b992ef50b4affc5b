"""API: what `import optcli` offers, a module for each command.

Each runs the work of its command, passes events to listeners, and keeps the results in a folder.
"""
