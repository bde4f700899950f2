"""`python -m mongo_seed`."""

from mongo_seed.cli import main

if __name__ == "__main__":
    main(prog_name="python -m mongo_seed")
