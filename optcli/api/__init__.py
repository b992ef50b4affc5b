"""API: what `import optcli` offers, a module for each command.

Introduces training to those who listen to it, and keeps what comes of it in a folder.
"""
