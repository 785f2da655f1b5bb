"""`python -m gateway COMMAND`, the same as `halo-gateway COMMAND`."""

from gateway.cli.commands import main

if __name__ == "__main__":
    main()
