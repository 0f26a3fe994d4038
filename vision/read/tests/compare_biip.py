"""Reads lines of the example gs1_strings on standard input and compares them with biip (PyPI).

Prints one JSON object: how many agree, and the disagreements by kind with one example of each.
biip reports a wrong check digit of GTIN, GLN and SSCC beside the element; that counts as refused.
"""
import collections
import json
import re
import sys

from biip import ParseError
from biip.gs1_messages import GS1Message


def theirs(text):
    try:
        found = GS1Message.parse(text).element_strings
    except (ParseError, ValueError) as error:
        ai = re.search(r"AI \(\d+\)", str(error))
        return None, ai.group(0) if ai else "unknown AI"
    for element in found:
        wrong = element.gtin_error or element.gln_error or element.sscc_error
        if wrong:
            return None, "check"
    return [[e.ai.ai, e.value] for e in found], None


def kind(ours, error, found, why):
    if ours is not None:
        return "different elements" if found is not None else "only biip refuses: " + why
    rule = re.match(r"data of \((\d+)\) breaks rule `(\w+)`", error)
    if rule and rule.group(2) in ("check", "date", "date0", "date8", "time"):
        return f"only we refuse: {rule.group(2)} of ({rule.group(1)})"
    if rule:
        return f"only we refuse: {rule.group(2)}"
    return "only we refuse: " + re.sub(r"data of .*", "form", re.sub(r" at character \d+", "", error))


agree, both_accept, kinds = 0, 0, collections.defaultdict(lambda: [0, None])
for line in sys.stdin:
    row = json.loads(line)
    found, why = theirs(row["text"])
    if found == row["elements"]:
        agree += 1
        both_accept += found is not None
    else:
        entry = kinds[kind(row["elements"], row["error"], found, why)]
        entry[0] += 1
        entry[1] = entry[1] or row["text"]
print(json.dumps({"agree": agree, "both_accept": both_accept, "disagree": dict(kinds)}, indent=1))
