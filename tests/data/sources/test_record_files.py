"""Records come out of every format as they were put in, and faults are named with their place."""

import gzip
import json

import pytest

from t5lite.data.sources.record_files import SUFFIXES, WholeText, open_records

# What every format can hold; CSV's values are texts.
RECORDS = [
    {"q": "plain", "a": "one"},
    {"q": 'comma, "quote"\nand line', "a": "naïve – 東京 🙂\u2028x"},
    {"q": "long " * 40_000, "a": "x"},
    {"q": "", "a": "tab\tinside"},
]
NESTED = [
    {"q": "x", "n": 1, "x": 0.5, "a": {"text": ["é", "b"]}, "m": [{"role": "user"}]},
    {"q": None, "n": 2, "x": None, "a": {"text": []}, "m": []},
]


def write_delimited(path, records, delimiter):
    import csv

    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(records[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(records)


def write(path, records):
    """Writes records in the format of the suffix."""
    if path.suffix in (".parquet", ".arrow"):
        import pyarrow.parquet

        table = pyarrow.Table.from_pylist(records)
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(table, path, row_group_size=2)
        else:
            with pyarrow.ipc.new_stream(str(path), table.schema) as writer:
                writer.write_table(table, max_chunksize=3)
    elif path.suffix in (".csv", ".tsv"):
        write_delimited(path, records, "," if path.suffix == ".csv" else "\t")
    elif path.suffix == ".json":
        path.write_text(json.dumps(records, indent=1), encoding="utf-8")
    else:
        lines = [json.dumps(record, ensure_ascii=False) + "\n\n" for record in records]
        path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_records_of_every_format(tmp_path, suffix):
    file = open_records(write(tmp_path / f"x{suffix}", RECORDS))
    assert file.count() == 4
    assert [record for _, _, record in file.read()] == RECORDS
    assert [(index, record["a"]) for index, _, record in file.read([3, 1])] == [
        (1, RECORDS[1]["a"]),
        (3, RECORDS[3]["a"]),
    ]


def test_a_whole_text_is_one_record(tmp_path):
    text = 'a "line"\r\n\n\u2028 and é\n'
    (tmp_path / "x.txt").write_bytes(text.encode())
    file = WholeText(tmp_path / "x.txt")
    assert file.count() == 1
    assert [*file.read()] == [(0, str(tmp_path / "x.txt"), {"text": text})]
    assert [*file.read([1])] == []
    with pytest.raises(ValueError, match=r"none\.txt: cannot be read"):
        [*WholeText(tmp_path / "none.txt").read()]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet", "arrow"])
def test_nested_values_numbers_and_nulls(tmp_path, suffix):
    path = write(tmp_path / f"x.{suffix}", NESTED)
    assert [record for _, _, record in open_records(path).read()] == NESTED


def test_arrow_files_of_both_formats_and_json_with_lines(tmp_path):
    import pyarrow

    table = pyarrow.Table.from_pylist(NESTED)
    with pyarrow.ipc.new_file(str(tmp_path / "x.arrow"), table.schema) as writer:
        writer.write_table(table)
    assert [record for _, _, record in open_records(tmp_path / "x.arrow").read()] == NESTED
    (tmp_path / "x.json").write_text('\n{"q": 1}\n{"q": 2}\n')
    found = list(open_records(tmp_path / "x.json").read())
    assert found[1] == (1, f"{tmp_path / 'x.json'}, line 3", {"q": 2})


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "json"])
def test_text_packed_with_gzip(tmp_path, suffix):
    plain = write(tmp_path / f"x.{suffix}", RECORDS)
    packed = tmp_path / f"y.{suffix}.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [record for _, _, record in open_records(packed).read()] == RECORDS
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"y\.\w+\.gz: cannot be read: Compressed file ended"):
        list(open_records(packed).read())
    packed.write_bytes(b"")
    with pytest.raises(ValueError, match=r"y\.\w+\.gz: cannot be read: the file is empty"):
        open_records(packed).count()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "q,a\nx,y\n\nx,y,z\n", r"a\.csv, line 4: the row has not the 2 fields .*but 3"),
        ("a.csv", 'q,a\nx,"y\n\nz\n', r"a\.csv, line 2: malformed CSV: unexpected end of data"),
        ("a.csv", "q,q\nx,y\n", r"a\.csv, line 1: the header names the field 'q' more than once"),
        ("a.csv", "", r"a\.csv: is empty; its first line must name the fields"),
        ("a.csv", b"q,a\nx,y\nx,\xe9\n", r"a\.csv, line 3: not UTF-8 \(byte 0xe9\)"),
        ("a.tsv", "q\ta\nx\n", r"a\.tsv, line 2: the row has not the 2 fields of the header"),
        ("a.jsonl", '{"q": 1}\n\n{"q" 2}\n', r"a\.jsonl, line 3, column 6: malformed JSON"),
        ("a.jsonl", "[1]\n", r"a\.jsonl, line 1: expected a JSON object, found a list"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl, line 1: malformed JSON: nested too deeply"),
        ("a.json", '[{"q": 1},\n {"q": }]', r"a\.json, line 2, column 8: malformed JSON"),
        ("a.json", "[1]", r"a\.json, record 1: expected a JSON object, found an integer"),
        ("a.parquet", "PAR1 not", r"a\.parquet: not a Parquet file"),
        ("a.arrow", "neither format", r"a\.arrow: (not an Arrow file|cannot be read)"),
        ("a.xlsx", "x", r"a\.xlsx: rows are read from \.jsonl, .* found the suffix '\.xlsx'"),
        ("a.jsnl", "x", r"found the suffix '\.jsnl'.*\.jsonl"),
    ],
)
def test_faults_are_named_with_their_place(tmp_path, name, content, message):
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        list(open_records(tmp_path / name).read())


def test_a_damaged_page_and_a_missing_file_are_reported(tmp_path):
    path = write(tmp_path / "x.parquet", RECORDS)
    data = bytearray(path.read_bytes())
    data[20:400] = bytes(380)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.parquet: "):
        list(open_records(path).read())
    for name in ("no.csv", "no.jsonl", "no.parquet", "no.arrow"):
        with pytest.raises(ValueError, match=rf"{name}: cannot be read: .*[Nn]o such file"):
            list(open_records(tmp_path / name).read())
