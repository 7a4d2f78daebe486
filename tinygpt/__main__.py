"""`python -m tinygpt` is the `tinygpt` command."""

from tinygpt.cli import main

main()
