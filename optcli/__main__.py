"""`python -m optcli`: the same as the command."""

from optcli.cli.main import main

if __name__ == "__main__":
    main()
