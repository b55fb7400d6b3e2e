"""Write a number with the word for what it counts."""


def counted(number: int, word: str, *, plural: str = "", form: str = "d") -> str:
    """Return a number with its word, in the plural unless it is one.

    Args:
        number: how many there are.
        word: what they are, in the singular: `clip`.
        plural: the word for several, if it is not the singular with an s: `people`.
        form: of the number, as `format` takes it: `,` separates thousands.
    """
    return f"{number:{form}} {word if number == 1 else plural or word + 's'}"
