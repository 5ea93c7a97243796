"""`python -m redrive_cli` is `redrive`."""

from redrive_cli.app import main

main()
