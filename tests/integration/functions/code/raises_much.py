"""Cannot be imported: raises from deep down with much to say."""


def even(depth):
    return odd(depth - 1) if depth else innermost()


def odd(depth):
    return even(depth - 1)


def innermost():
    raise RuntimeError("ö" * 100_000)


even(900)
