#!/usr/bin/python3
"""
schemas.py bundle                one schema of all in docs/schema, for types.js
schemas.py check FILE [GOLDEN]   checks what recorder.c wrote into FILE, the codes of the
                                 source, and recorded responses in the folder GOLDEN; TAP
schemas.py sample FILE           answers of FILE, one of each shape, by the name of the function

In the checkout. Objects of a schema may have more keys, as later versions will give them. Here
they may not: whatever is in an answer has to be described.
"""
import collections
import datetime
import functools
import json
import pathlib
import re
import sys

FOLDER = pathlib.Path("docs/schema")
NAMES = ["order", "cart", "event", "error", "answers"]


def rewrite(node, name):
    """The references of a file, as they are in the bundle."""
    if isinstance(node, list):
        return [rewrite(element, name) for element in node]
    if not isinstance(node, dict):
        return node
    result = {key: rewrite(value, name) for key, value in node.items() if key not in ("$schema", "$id")}
    if "$ref" in result:
        file, _, pointer = result["$ref"].partition("#")
        result["$ref"] = f"#/$defs/{file.removesuffix('.schema.json') or name}{pointer}"
    return result


def bundle():
    schemas = {name: json.loads((FOLDER / f"{name}.schema.json").read_text()) for name in NAMES}
    return {
        "$schema": schemas["order"]["$schema"],
        "$ref": "#/$defs/answers",
        "$defs": {name: rewrite(schema, name) for name, schema in schemas.items()},
    }


def resolved(node, root):
    """The schema without references, which take the validator most of its time."""
    if isinstance(node, list):
        return [resolved(element, root) for element in node]
    if not isinstance(node, dict):
        return node
    result = {key: resolved(value, root) for key, value in node.items() if key not in ("$ref", "$defs")}
    if "$ref" in node:
        target = functools.reduce(lambda at, step: at[int(step) if isinstance(at, list) else step], node["$ref"].split("/")[1:], root)
        result.update(resolved(target, root))
    return result


def closed(node):
    """No key but those that are described."""
    if isinstance(node, list):
        return [closed(element) for element in node]
    if not isinstance(node, dict):
        return node
    result = {key: closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        result["additionalProperties"] = False
    return result


def partial(node):
    """No key has to be there."""
    if isinstance(node, list):
        return [partial(element) for element in node]
    if not isinstance(node, dict):
        return node
    return {key: partial(value) for key, value in node.items() if key != "required" or not isinstance(value, list)}


def closed_and_partial(node):
    return partial(closed(node))


def shape(value):
    """What is alike in documents: their keys and types."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{shape(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted({shape(element) for element in value})) + "]"
    return type(value).__name__


def brief(value):
    """One element of each shape is as good as all: there are carts of 1000 products."""
    if isinstance(value, dict):
        return {key: brief(element) for key, element in value.items()}
    if isinstance(value, list):
        return list({shape(element): brief(element) for element in value}.values())
    return value


def read(file):
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line, parse_int=lambda digits: int(digits[:4000]))
            if "answer" in record:
                record["answer"] = brief(record["answer"])
            yield record


def sample(file):
    found = collections.defaultdict(dict)
    for line in read(file):
        if '"of_the_shop"' in json.dumps(line):
            continue
        if "function" in line:
            found[line["function"]].setdefault(shape(line["answer"]), line["answer"])
        else:
            detail = json.loads(line["detail"])
            found["error"].setdefault(shape(detail) + detail["code"], detail)
    return {function: list(answers.values()) for function, answers in sorted(found.items())}


def codes_in_source():
    """Every code that a DETAIL of the source may have."""
    found = set()
    for path in [*pathlib.Path("src").glob("*.c"), *pathlib.Path("sql").rglob("*.sql")]:
        if path.name.startswith("ecommerce--"):
            continue
        text = path.read_text(encoding="utf-8")
        found.update(re.findall(r'\\?"code\\?": \\?"(\w+)', text))
        found.update(re.findall(r"'code', '(\w+)'", text))
        found.update(re.findall(r'\.code = "(\w+)"', text))
    return found


class Tap:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def report(self, name, complaints):
        self.number += 1
        print(f"{'not ' if complaints else ''}ok {self.number} - {name}")
        for complaint in complaints[:10]:
            print(f"# {complaint}")
        if len(complaints) > 10:
            print(f"# and {len(complaints) - 10} more")
        self.failed += bool(complaints)


def check(file, golden):
    import jsonschema

    formats = jsonschema.FormatChecker(formats=())

    @formats.checks("date-time", raises=ValueError)
    def has_zone(text):
        return not isinstance(text, str) or datetime.datetime.fromisoformat(text).tzinfo is not None

    all_schemas = bundle()
    functions = all_schemas["$defs"]["answers"]["properties"]
    details = {one["properties"]["code"]["const"]: (number, one["description"])
               for number, one in enumerate(all_schemas["$defs"]["error"]["oneOf"])}

    @functools.lru_cache(maxsize=None)
    def validator(pointer, change=closed):
        schema = resolved({"$ref": f"#/$defs/{pointer}"}, all_schemas)
        return jsonschema.Draft202012Validator(change(schema), format_checker=formats)

    def complaints(validator, where, document):
        return [f"{where}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]

    tap = Tap()
    for name in NAMES:
        try:
            jsonschema.Draft202012Validator.check_schema(json.loads((FOLDER / f"{name}.schema.json").read_text()))
            tap.report(f"{name}.schema.json is a schema of 2020-12", [])
        except jsonschema.SchemaError as error:
            tap.report(f"{name}.schema.json is a schema of 2020-12", [str(error)])

    # What a test has put into the outbox by hand is not the extension's.
    lines = [line for line in read(file) if '"of_the_shop"' not in json.dumps(line)]
    answers = collections.defaultdict(dict)
    for line in lines:
        if "function" in line:
            answers[line["function"]].setdefault(json.dumps(line["answer"]), line)
    tap.report("each function that answered has a schema", sorted(set(answers) - set(functions)))
    tap.report("each schema of a function had an answer", sorted(set(functions) - set(answers)))
    for function in sorted(set(answers) & set(functions)):
        schema = validator(f"answers/properties/{function}")
        wrong = []
        for line in answers[function].values():
            wrong += complaints(schema, line["test"], line["answer"])
        tap.report(f"{function}: {len(answers[function])} answers", wrong)

    errors = {line["sqlstate"] + line["detail"]: line for line in lines if "detail" in line}
    wrong = []
    for line in errors.values():
        detail = json.loads(line["detail"])
        where = f"{line['test']}: {line['sqlstate']} {line['detail']}"
        if detail.get("code") not in details:
            wrong.append(f"{where}: unknown code")
            continue
        number, description = details[detail["code"]]
        wrong += complaints(validator(f"error/oneOf/{number}"), where, detail)
        if line["sqlstate"] not in re.findall(r"\b\w{5}\b", description):
            wrong.append(f"{where}: another SQLSTATE than the schema says")
        if re.search(r'" :|":\S', line["detail"]):
            wrong.append(f"{where}: spelt in another way")
        if not line["hint"]:
            wrong.append(f"{where}: no hint")
    codes = {json.loads(line["detail"]).get("code") for line in errors.values()}
    tap.report(f"{len(errors)} errors and warnings, of {len(codes)} codes", wrong)
    tap.report("the codes of the schema are those of the source", sorted(codes_in_source() ^ set(details)))

    # What is wrong is found.
    order = next(line["answer"] for line in lines if line.get("function") == "place_order")
    schema = validator("order")
    for name, change in [("a key that is missing", lambda it: it.pop("currency")),
                         ("a key too many", lambda it: it.update(total=1)),
                         ("a number in a string", lambda it: it.update(order_amount="1.00")),
                         ("another status", lambda it: it.update(order_status="LOST")),
                         ("a time without zone", lambda it: it.update(order_date="2026-11-23T09:26:53")),
                         ("a line that has no product", lambda it: it["order_details"][0].pop("product_order_details"))]:
        document = json.loads(json.dumps(order))
        change(document)
        tap.report(f"found: {name}", [] if complaints(schema, "", document) else ["it was not"])

    # The web service that this replaces had some of the keys, and times without a zone.
    recorded = sorted(pathlib.Path(golden).glob("*.json")) if golden else []
    formats.checkers.clear()
    kinds = {"order_place": "order", "orders_list": "answers/properties/order_listing_json", "cart_list": "cart"}
    seen = 0
    for path in recorded:
        kind = kinds.get(re.sub(r"_[^_]*$", "", path.stem))
        if kind is not None:
            seen += 1
            tap.report(f"recorded: {path.name}",
                       complaints(validator(kind, closed_and_partial), path.name, json.loads(path.read_text())))
    if not seen:
        tap.number += 1
        print(f"ok {tap.number} - recorded responses # SKIP there are none in ../shared/golden")
    print(f"1..{tap.number}")
    return tap.failed


if sys.argv[1] == "bundle":
    # The answers are the schema itself, so their definitions are its own.
    schema = bundle()
    answers = schema["$defs"].pop("answers")
    answers["$defs"].update(schema["$defs"])
    print(json.dumps(answers).replace("#/$defs/answers/$defs/", "#/$defs/"))
elif sys.argv[1] == "sample":
    print(json.dumps(sample(sys.argv[2])))
else:
    sys.exit(1 if check(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None) else 0)
