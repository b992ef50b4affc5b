"""Workbooks of Excel, made by hand: the least that a reader takes."""

import io
import zipfile
from datetime import datetime
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0"?>'


def workbook(**sheets):
    """The bytes of an .xlsx file with these sheets, of rows of texts, numbers, truth, times, None.

    A text of bytes is an error, as b"#N/A".
    """
    relations = [f'<Relationships xmlns="{PACKAGE}/relationships">']
    listed, parts = [], {}
    for number, (name, rows) in enumerate(sheets.items(), 1):
        relations.append(_relation(number, "worksheet", f"worksheets/sheet{number}.xml"))
        listed.append(f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"/>')
        body = "".join(f'<row r="{at}">{_cells(row, at)}</row>' for at, row in enumerate(rows, 1))
        text = f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
        parts[f"xl/worksheets/sheet{number}.xml"] = text
    relations.append(_relation(0, "styles", "styles.xml") + "</Relationships>")
    parts["xl/_rels/workbook.xml.rels"] = "".join(relations)
    body = f"<sheets>{''.join(listed)}</sheets>"
    parts["xl/workbook.xml"] = f'<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}">{body}</workbook>'
    styles = '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
    parts["xl/styles.xml"] = f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>'
    parts["_rels/.rels"] = (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        + _relation(1, "officeDocument", "xl/workbook.xml")
        + "</Relationships>"
    )
    kinds = {"rels": "application/vnd.openxmlformats-package.relationships+xml"}
    kinds["xml"] = "application/xml"
    defaults = "".join(f'<Default Extension="{e}" ContentType="{t}"/>' for e, t in kinds.items())
    parts["[Content_Types].xml"] = f'<Types xmlns="{PACKAGE}/content-types">{defaults}</Types>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, HEAD + text)
    return file.getvalue()


def _relation(number, kind, target):
    return f'<Relationship Id="r{number}" Type="{DOCUMENT}/{kind}" Target="{target}"/>'


def _cells(row, at):
    return "".join(_cell(value, f"{_letters(i)}{at}") for i, value in enumerate(row))


def _letters(number):
    head, last = divmod(number, 26)
    return (_letters(head - 1) if head else "") + chr(65 + last)


def _cell(value, place):
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, datetime):
        days = (value - datetime(1899, 12, 30)).total_seconds() / 86400
        return f'<c r="{place}" s="1"><v>{days!r}</v></c>'
    if isinstance(value, bytes):
        return f'<c r="{place}" t="e"><v>{value.decode()}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    text = f'<is><t xml:space="preserve">{escape(value)}</t></is>'
    return f'<c r="{place}" t="inlineStr">{text}</c>'
