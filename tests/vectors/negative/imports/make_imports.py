"""Write the import cases' files again: python tests/vectors/negative/imports/make_imports.py

Each file is named after what is wrong with it; ``cases.json`` says what a reader must answer. The
bytes do not depend on when or where this runs, but for those in ``DEFLATED``, where the library
that packs decides; a test compares the others with those committed.
"""

import io
import struct
import sys
import zipfile
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent
HEADER = ["姓名", "性别", "民族", "出生日期", "住址", "公民身份号码", "签发机关", "签发日期"]
GOOD = [
    "样例甲", "女", "汉", "1949-12-31", "北京市朝阳区样例路1号", "11010519491231002X", "样例公安局",
    "2020-01-02",
]  # fmt: skip
OTHER = ["样例乙", *GOOD[1:]]
ENGLISH = [
    "name", "sex", "ethnicity", "birth_date", "address", "id_number", "issuing_authority",
    "issue_date",
]  # fmt: skip
DATE = (1980, 1, 1, 0, 0, 0)

XML = '<?xml version="1.0"?>'
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
CONTENT_TYPES = (
    f'{XML}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    "</Types>"
)
DEFLATED = {
    "bomb-declared.xlsx",
    "bomb-hidden.xlsx",
    "bomb-hidden-sheet.xlsx",
    "bomb-shared-string.xlsx",
    "deep.xlsx",
    "good-deflated.xlsx",
}
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONSHIPS = f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def csv(*rows: list[str], encoding: str = "utf-8") -> bytes:
    """Plain cells, quoted all."""
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    return "\r\n".join([*lines, ""]).encode(encoding)


def row(**changes: str) -> list[str]:
    """A good row with cells changed, by header."""
    return [changes.get(header, cell) for header, cell in zip(HEADER, GOOD, strict=True)]


def text_cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def sheet_row(number: int, cells: list[str]) -> str:
    """A row of text cells; a cell that starts with < is taken as it is."""
    xml = [
        cell
        if cell.startswith("<")
        else text_cell(f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[i]}{number}", cell)
        for i, cell in enumerate(cells)
    ]
    return f'<row r="{number}">{"".join(xml)}</row>'


def sheet(rows: str) -> str:
    return f'{XML}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def table(*rows: list[str]) -> str:
    return sheet("".join(sheet_row(number, cells) for number, cells in enumerate(rows, start=1)))


def parts(*sheets: str, names: list[str] | None = None, workbook: str = "") -> dict[str, str]:
    """The parts of a workbook with these worksheets."""
    names = names or [f"worksheets/sheet{i}.xml" for i in range(1, len(sheets) + 1)]
    entries = "".join(
        f'<sheet name="s{i}" sheetId="{i}" r:id="rId{i}"/>' for i in range(1, len(sheets) + 1)
    )
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{OFFICE}/worksheet" Target="{name}"/>'
        for i, name in enumerate(names, start=1)
    )
    return {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": f'{RELATIONSHIPS}<Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{workbook}'
        f"<sheets>{entries}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"{RELATIONSHIPS}{links}"
        f'<Relationship Id="rId90" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        **{f"xl/{name}": content for name, content in zip(names, sheets, strict=True)},
    }


def shared(*texts: str) -> str:
    items = "".join(f"<si><t>{text}</t></si>" for text in texts)
    return f'{XML}<sst xmlns="{MAIN}">{items}</sst>'


def workbook(content: dict[str, str], *, deflate: bool = False) -> bytes:
    """Zip the parts; plainly, since what deflate makes depends on the library's version."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in content.items():
            info = zipfile.ZipInfo(name, DATE)
            info.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
            archive.writestr(info, text, compresslevel=9)
    return buffer.getvalue()


def redeclared(data: bytes, name: str, size: int, checksum: int | None = None) -> bytes:
    """Let the directory say that a part has another size (and checksum)."""
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    crc = data[at + 16 : at + 20] if checksum is None else struct.pack("<I", checksum)
    return (
        data[: at + 16] + crc + data[at + 20 : at + 24] + struct.pack("<I", size) + data[at + 28 :]
    )


def flagged_encrypted(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02")
    return data[: at + 8] + b"\x01" + data[at + 9 :]


def doubled(data: dict[str, str]) -> bytes:
    """Two parts of one name, one of them unseen by half of the readers."""
    first = workbook({**data, "xl/worksheets/sheet2.xml": table(HEADER, OTHER)})
    return first.replace(b"xl/worksheets/sheet2.xml", b"xl/worksheets/sheet1.xml")


def csv_files() -> dict[str, bytes]:
    long_name = "阿" * 10_000
    return {
        "good.csv": csv(HEADER, GOOD, OTHER),
        "good-byte-order-mark.csv": csv(HEADER, GOOD, encoding="utf-8-sig"),
        "good-gb18030.csv": csv(HEADER, GOOD, encoding="gb18030"),
        "good-english-headers.csv": csv(
            ENGLISH,
            [
                "样例甲",
                "Female",
                "han",
                "1949/12/31",
                "样例路1号",
                " 11010519491231002x ",
                "样例公安局",
                "2020年1月2日",
            ],
        ),
        "good-blank-lines.csv": b"\r\n" + csv(HEADER, [""] * 8, GOOD) + b"\r\n,,\r\n",
        "empty.csv": b"",
        "blank.csv": b"\r\n , \r\n",
        "header-alone.csv": csv(HEADER),
        "utf-16.csv": csv(HEADER, GOOD, encoding="utf-16"),
        "utf-16-without-mark.csv": csv(HEADER, GOOD, encoding="utf-16-le"),
        "latin-1.csv": csv(HEADER).replace("姓名".encode(), b"pr\xe9nom \xff"),
        "cut-utf-8.csv": csv(HEADER, GOOD)[:-20] + b"\xe6\xa0",
        "nul.csv": csv(HEADER, GOOD).replace(b"2020", b"20\x0020"),
        "quote-left-open.csv": csv(HEADER, GOOD, OTHER)[:-3],
        "quote-inside.csv": csv(HEADER, GOOD, OTHER).replace(
            '"样例乙"'.encode(), '"样例"乙"'.encode()
        ),
        "field-of-132000.csv": csv(HEADER, row(姓名="a" * 132_000)),
        "name-of-10000.csv": csv(HEADER, row(姓名=long_name), OTHER),
        "formulas.csv": csv(
            HEADER,
            row(姓名='=HYPERLINK("http://example.org";"x")'),
            row(姓名="+1+1"),
            row(姓名="-1+1"),
            row(姓名="@SUM(1)"),
            row(姓名="＝1+1"),
            row(姓名=" =1+1"),
            row(姓名="\t=1+1"),
            row(住址="=1", 签发机关="@1"),
            row(性别="=女"),
            OTHER,
        ),
        "impossible-dates.csv": csv(
            HEADER,
            row(签发日期="2026-02-30"),
            row(签发日期="2025/2/29"),
            row(签发日期="2026-13-01"),
            row(签发日期="20260431"),
            row(签发日期="昨天"),
            row(签发日期="2026-01-01 12:00"),
            row(签发日期="0026-01-01"),
            row(签发日期="２０２０－０１－０２"),
        ),
        "wrong-identifiers.csv": csv(
            HEADER,
            row(公民身份号码="110105194912310021"),
            row(公民身份号码="1101051949123100"),
            row(公民身份号码="99999919491231002X"),
        ),
        "disagreeing.csv": csv(
            HEADER, row(性别="男", 出生日期="1949-12-30"), row(签发日期="1949-01-01")
        ),
        "many-errors-in-a-row.csv": csv(
            HEADER,
            ["", "x", "y", "z", "", "1", "=a", "b"],
            OTHER,
        ),
        "rows-doubled.csv": csv(HEADER, GOOD, OTHER, GOOD, GOOD),
        "column-missing.csv": csv(HEADER[:-2], GOOD[:-2]),
        "column-unknown.csv": csv([*HEADER, "昵称"], [*GOOD, "x"]),
        "column-doubled.csv": csv([*HEADER, "身份证号"], [*GOOD, GOOD[5]]),
        "column-unnamed.csv": csv([*HEADER[:4], "", *HEADER[4:]], [*GOOD[:4], "x", *GOOD[4:]]),
        "cell-without-column.csv": csv(HEADER, [*GOOD, "", "x"], OTHER),
        "row-cut-short.csv": csv(HEADER, GOOD[:5], OTHER),
        "columns-65.csv": csv([*HEADER, *(f"c{i}" for i in range(57))], GOOD),
        "invisible-characters.csv": csv(
            HEADER, row(姓名="样\u200b例"), row(姓名="样\u202e例"), row(住址="a\nb")
        ),
        "old.xlsx.csv": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504,
        "excel-named.csv": workbook(parts(table(HEADER, GOOD))),
    }


def excel_files() -> dict[str, bytes]:
    plain = parts(table(HEADER, GOOD))
    packed, deflated = workbook(plain), workbook(plain, deflate=True)
    name = "xl/worksheets/sheet1.xml"
    prefix = plain[name].encode()[:100]
    bomb = workbook({**plain, "docProps/app.xml": "<a>" + " " * 8_000_000 + "</a>"}, deflate=True)
    number = '<c r="{0}"><v>{1}</v></c>'.format
    far = sheet(
        sheet_row(1, HEADER) + '<row r="1048576">' + text_cell("XFD1048576", "x") + "</row>"
    )
    shared_cells = "".join(
        f'<row r="{n}">'
        + "".join(f'<c r="{c}{n}" t="s"><v>0</v></c>' for c in "ABCDEFGH")
        + "</row>"
        for n in range(2, 2002)
    )
    entity = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]>'
    return {
        "good.xlsx": workbook(parts(table(HEADER, GOOD), table())),
        "good-deflated.xlsx": deflated,
        "good-shared-strings.xlsx": workbook(
            {
                **parts(
                    sheet(
                        sheet_row(1, HEADER)
                        + '<row r="2">'
                        + "".join(
                            f'<c r="{c}2" t="s"><v>{i}</v></c>' for i, c in enumerate("ABCDEFGH")
                        )
                        + "</row>"
                    )
                ),
                "xl/sharedStrings.xml": shared(*GOOD),
            }
        ),
        "good-serial-dates.xlsx": workbook(
            parts(
                table(HEADER, [*GOOD[:3], number("D2", 18263), *GOOD[4:7], number("H2", 20200102)])
            )
        ),
        "good-dates-from-1904.xlsx": workbook(
            parts(
                table(HEADER, [*GOOD[:3], number("D2", 16801), *GOOD[4:]]),
                workbook='<workbookPr date1904="1"/>',
            )
        ),
        "good-lower-down.xlsx": workbook(parts(sheet(sheet_row(3, HEADER) + sheet_row(5, GOOD)))),
        "no-cells.xlsx": workbook(parts(table())),
        "formula.xlsx": workbook(
            parts(
                table(
                    HEADER,
                    ['<c r="A2" t="str"><f>UPPER("a")</f><v>样例甲</v></c>', *GOOD[1:]],
                    ["=1+1", *GOOD[1:]],
                    OTHER,
                )
            )
        ),
        "formula-prefixed.xlsx": workbook(
            {
                **plain,
                name: f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>'
                + "".join(
                    f'<x:row r="{n}">'
                    + "".join(
                        f'<x:c r="{c}{n}" t="str">{"<x:f>1</x:f>" if c + str(n) == "A2" else ""}'
                        f"<x:v>{value}</x:v></x:c>"
                        for c, value in zip("ABCDEFGH", cells, strict=True)
                    )
                    + "</x:row>"
                    for n, cells in ((1, HEADER), (2, GOOD), (3, OTHER))
                )
                + "</x:sheetData></x:worksheet>",
            }
        ),
        "error-value.xlsx": workbook(
            parts(table(HEADER, ['<c r="A2" t="e"><v>#N/A</v></c>', *GOOD[1:]], OTHER))
        ),
        "rounded-number.xlsx": workbook(
            parts(table(HEADER, [*GOOD[:5], number("F2", "1.1010519491231E+17"), *GOOD[6:]]))
        ),
        "time-of-day.xlsx": workbook(
            {
                **parts(
                    table(HEADER, [*GOOD[:7], '<c r="H2" t="d"><v>2020-01-02T03:04:05</v></c>'])
                ),
            }
        ),
        "fraction-as-date.xlsx": workbook(parts(table(HEADER, [*GOOD[:7], number("H2", 43832.5)]))),
        "boolean-as-name.xlsx": workbook(
            parts(table(HEADER, ['<c r="A2" t="b"><v>1</v></c>', *GOOD[1:]]))
        ),
        "two-sheets.xlsx": workbook(parts(table(HEADER, GOOD), table(HEADER, OTHER))),
        "csv-named.xlsx": csv(HEADER, GOOD),
        "old-excel.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504,
        "zip-cut.xlsx": packed[:-30],
        "zip-noise.xlsx": b"PK\x03\x04" + b"\xff" * 200,
        "zip-empty.xlsx": b"PK\x03\x04" + b"PK\x05\x06" + b"\0" * 18,
        "encrypted.xlsx": flagged_encrypted(packed),
        "part-doubled.xlsx": doubled(plain),
        "bomb-declared.xlsx": redeclared(deflated, name, 300 * 1024 * 1024),
        "bomb-hidden.xlsx": redeclared(
            bomb, "docProps/app.xml", 100, zlib.crc32(b"<a>" + b" " * 97)
        ),
        "bomb-hidden-sheet.xlsx": redeclared(deflated, name, 100, zlib.crc32(prefix)),
        "checksum.xlsx": redeclared(packed, name, len(plain[name].encode()), 1),
        "bomb-far-cell.xlsx": workbook(parts(far)),
        "bomb-wide-row.xlsx": workbook(
            parts(sheet('<row r="1">' + text_cell("XFD1", "x") + "</row>"))
        ),
        "bomb-shared-string.xlsx": workbook(
            {
                **parts(sheet(sheet_row(1, HEADER) + shared_cells)),
                "xl/sharedStrings.xml": shared("a" * 30_000),
            },
            deflate=True,
        ),
        "shared-string-absent.xlsx": workbook(
            parts(table(HEADER, ['<c r="A2" t="s"><v>7</v></c>', *GOOD[1:]]))
        ),
        "entities.xlsx": workbook(
            {**plain, name: plain[name].replace("?><w", f"?>{entity}<w").replace("样例甲", "&b;")}
        ),
        "not-well-formed.xlsx": workbook({**plain, name: plain[name].replace("</row>", "", 1)}),
        "deep.xlsx": workbook({**plain, "docProps/app.xml": "<a>" * 100_000}, deflate=True),
        "sheet-under-another-name.xlsx": workbook(
            parts(table(HEADER, GOOD), names=["worksheets/sheet1.bin"])
        ),
        "rows-backwards.xlsx": workbook(parts(sheet(sheet_row(2, HEADER) + sheet_row(1, GOOD)))),
        "cell-in-another-row.xlsx": workbook(
            parts(sheet(sheet_row(1, HEADER) + '<row r="2">' + text_cell("A9", "x") + "</row>"))
        ),
        "cells-partly-numbered.xlsx": workbook(
            parts(sheet(sheet_row(1, HEADER) + "<row><c><v>1</v></c></row>"))
        ),
        "reference-overflow.xlsx": workbook(
            parts(sheet(sheet_row(1, HEADER) + '<row r="99999999999999999999"/>'))
        ),
        "no-workbook.xlsx": workbook({"[Content_Types].xml": CONTENT_TYPES}),
    }


def files() -> dict[str, bytes]:
    """All files by name."""
    return csv_files() | excel_files()


def main() -> int:
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
