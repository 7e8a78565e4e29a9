"""Records of any schema whose texts occur nowhere else, for tests of templates."""

from tasks.flan.records import Record, Schema


def make_record(
    schema: Schema, number: int = 0, *, num_options: int = 4, right: int = 2, tag: str = ""
) -> Record:
    """A record whose every text is one of its own: `Xquestion7x`, `Xoption7q1x`, ..."""
    options = ()
    if schema.options != "none":
        options = tuple(f"Xoption{number}q{i}{tag}x" for i in range(num_options))
    return schema.record(
        f"id{number}{tag}",
        {name: f"X{name}{number}{tag}x" for name in schema.fields},
        answer=options[right] if options else f"Xanswer{number}{tag}x",
        options=options,
        rationale=f"Xrationale{number}{tag}x" if schema.rationale else "",
    )


def make_records(schema: Schema, count: int, **settings) -> list[Record]:
    """So many records."""
    return [make_record(schema, number, **settings) for number in range(count)]
