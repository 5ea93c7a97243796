"""Words: what is wrong with an expression, for people who know neither the library nor its codes.

Each says what is wrong, and what to write instead. None quotes a value, which may be a message's; `{token}` and the
like are of the expression itself, and only an expression that does not parse fills them in.
"""

from __future__ import annotations

# What does not parse.
SYNTAX = {
    "S0101": "a text is not closed; end it with the same quotation mark that it begins with",
    "S0102": "the exponent of a number is too large; write fewer digits in it",
    "S0103": "a text has a backslash before a character that needs none; write two for a backslash",
    "S0104": "`\\u` needs four hexadecimal digits after it; write them, as in \\u00e9",
    "S0105": "a name in backquotes is not closed; end it with a backquote",
    "S0106": "a comment is not closed; end it with */",
    "S0201": "it should end before {token}; join the two with an operator, such as `and` or &",
    "S0202": "{value} is missing before {token}; write it there",
    "S0203": "{value} is missing at the end; write it there",
    "S0207": "the end comes too soon; finish what was begun",
    "S0208": "a parameter of a function is no variable; begin it with $",
    "S0209": "a predicate […] stands after a grouping {{…}}; write it before",
    "S0210": "a step has two groupings {{…}}; leave one",
    "S0211": "{token} stands where a value should; write the value before it",
    "S0212": "what stands left of := is no variable; begin it with $",
    "S0213": "a number or a constant stands in a path; quote a field's name with backquotes, as in body.`1`",
    "S0214": "what stands right of {token} is no variable; begin it with $",
    "S0215": "a variable is bound after a predicate […]; bind it before",
    "S0216": "a variable is bound after an order-by ^(…); bind it before",
    "S0217": "% has no parent here; write it inside of a path, as in body.items.%",
    "S0301": "a regular expression is empty; write one between the slashes",
    "S0302": "a regular expression is not closed; end it with /",
    "S0401": "only a function's arrays and functions take a type in < >; leave it out",
    "S0402": "a choice (…) in a function's types holds types with < >; leave these out",
    "..": "a range .. stands outside of brackets; write [ ] around it, as in [1..3]",
    "==": "== is no operator of JSONata; write =",
    "&&": "&& is no operator of JSONata; write `and`",
    "||": "|| is no operator of JSONata; write `or`",
    "!": "! is no operator of JSONata; write $not(…), or != between two values",
    "regex": "the regular expression is none; look for brackets that are not closed, or write \\ before a sign",
}
NO_EXPRESSION = "it cannot be read from here on; look for a sign too much, or one that is missing"

# What fails for a message.
_NUMBERS = "a side of the operator is no number; compare texts, or make a number of it with $number(…)"
_PICTURE = "the picture of a number is none; write one such as '#,##0.00'"
_MOMENT = "the picture of a time is none; write one such as '[Y0001]-[M01]-[D01]'"
_NO_FUNCTION = "what is called is no function; write $ before a function's name, or . and [ ] for a field"
_NOT_TAKEN = "a function was given what it does not take; test it first, with $exists(…) or $type(…)"
FAILURE = {
    "T0410": _NOT_TAKEN,
    "T0411": _NOT_TAKEN,
    "T0412": "a function takes an array of one type, and was given others; choose elements with [ ]",
    "D1001": "a number is out of range; compare it as a text, with $string(…)",
    "D1002": "what - is before is no number; make one of it with $number(…)",
    "T1003": "the key of an object is no text; make one of it with $string(…)",
    "D1004": "a regular expression matches the empty text; write + for *",
    "T1005": "what is called is no function; write $ before its name",
    "T1006": _NO_FUNCTION,
    "T1007": "what is called with ? is no function; write $ before its name",
    "T1008": "what is called with ? is no function; write $ before its name",
    "D1009": "two keys of an object are the same; make them different",
    "D1011": "the expression recursed too deeply; call the function less often in itself",
    "D1012": "the expression took too long; simplify it",
    "T1010": "the function that should match gives no match; write a regular expression in its place",
    "T2001": _NUMBERS,
    "T2002": _NUMBERS,
    "T2003": "what stands before .. is no whole number; round it with $floor(…)",
    "T2004": "what stands after .. is no whole number; round it with $floor(…)",
    "D2005": "what stands left of := is no variable; begin it with $",
    "T2006": "what stands right of ~> is no function; write one there, as in ~> $string",
    "T2007": "an order-by ^(…) meets texts and numbers; make texts of them with $string(…)",
    "T2008": "an order-by ^(…) meets what is neither text nor number; choose another field",
    "T2009": "a text is compared with a number; make one of the other with $number(…) or $string(…)",
    "T2010": "what is compared is neither text nor number; test it first, with $type(…)",
    "T2011": "the change in |…|…| is no object; write one, as in {'retried': true}",
    "T2012": "what |…|…|…| is to remove is no name; write one or an array of names",
    "T2013": "$clone is something else here; name your variable otherwise",
    "D2014": "a range .. has more than ten million numbers; make it shorter",
    "D3001": "a text is to be made of a number that is none; test it first",
    "D3010": "$replace looks for an empty text; write the text to look for",
    "D3011": "$replace is to replace less than no match; write a limit of 0 or more",
    "D3012": "what $replace puts in is no text; make one of it with $string(…)",
    "D3020": "$split is to give less than no parts; write a limit of 0 or more",
    "D3030": "$number was given what says no number; test it first, as in $contains(…, /^[0-9]+$/)",
    "D3040": "$match is to give less than no matches; write a limit of 0 or more",
    "D3050": "the function of $reduce takes too few arguments; give it two",
    "D3060": "$sqrt was given a number below zero; test it first",
    "D3061": "$power gives a number that is out of range; make it smaller",
    "D3070": "$sort was given what is neither all texts nor all numbers; give it a function that compares",
    **{f"D30{code}": _PICTURE for code in range(80, 94)},
    "D3100": "$formatBase takes a base from 2 to 36; write one",
    "D3110": "$toMillis was given no time in ISO 8601; give it a picture of the time as well",
    "D3120": "$eval was given no expression; look at what it is given",
    "D3121": "the expression that $eval was given fails; look at what it is given",
    "D3130": "the picture of a whole number is none; write one such as '0'",
    "D3131": "the picture of a whole number has digits of two scripts; write those of one",
    **{f"D313{code}": _MOMENT for code in range(2, 7)},
    "D3138": "$single found more than one; choose with a narrower function, or take $filter(…)[0]",
    "D3139": "$single found none; choose with a wider function, or take $filter(…)[0]",
    "D3140": "a text cannot be written or read as part of a URL; look at what it is given",
    "zero": "a number is divided by zero; test it first",
    "parse": "$parse was given a text that is no JSON; test it first, as in $contains(…, /^[{\\[]/)",
    "base64": "a text is no base64; look at what it is given",
    "gunzip": "$gunzip was given what gzip did not write; it takes base64 of it",
    "binary": "what was decoded is no text in UTF-8; such a value cannot be used here",
    "recursion": "the expression recursed too deeply; call the function less often in itself",
    # Raised by the operator. The text is the operator's where it stands in the expression.
    "D3137": "$error was reached, with a text that is made of the message and so is not shown; write one that is not",
    "D3141": "an $assert does not hold, and its text is made of the message and so is not shown; write one that is not",
}
UNKNOWN = "it cannot be evaluated for this message; try it with fewer parts"
OWN_TEXT = {"D3137": "$error was reached", "D3141": "an $assert does not hold"}  # and what is said without one
NO_TEXT = ("$error() function evaluated", "$assert() statement failed")


def place(source: str, location: int) -> str:
    """Name a place in an expression, where `location` is the character, from 1; nothing when nobody knows it."""
    if not 0 < location <= len(source) + 1:
        return ""
    before = source[: location - 1]
    line, column = before.count("\n") + 1, location - (before.rfind("\n") + 1)
    return f"line {line}, column {column}: " if "\n" in source else f"column {column}: "
