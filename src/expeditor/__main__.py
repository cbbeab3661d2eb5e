"""``python -m expeditor`` is the command ``expeditor``."""

from expeditor.cli import main

if __name__ == "__main__":
    main()
