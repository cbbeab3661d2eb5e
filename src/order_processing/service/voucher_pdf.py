"""A voucher on paper: one page with its code, its QR code, and where and until when it is good."""

from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

QR_POINTS = 180
_INK, _SOFT, _ACCENT = "#1f1d1a", "#6a645c", "#14635a"


class VoucherSheet(NamedTuple):
    """What is printed; texts as people read them."""

    title: str
    place: str
    code: str
    valid_until: str
    number: int
    quantity: int


@lru_cache(maxsize=500)
def voucher_pdf(sheet: VoucherSheet) -> bytes:
    """The sheet as a PDF, A4; the same sheet gives the same bytes."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    file = BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    canvas.setTitle(_latin(sheet.title))
    canvas.setAuthor("City Vouchers")
    left, top = 60.0, A4[1] - 80.0
    canvas.setStrokeColor(HexColor(_ACCENT))
    canvas.setLineWidth(4)
    canvas.line(left, top + 30, A4[0] - left, top + 30)
    many = f" {sheet.number} of {sheet.quantity}" if sheet.quantity > 1 else ""
    for text, font, size, colour, drop in (
        (f"City Vouchers · Voucher{many}", "Helvetica", 11, _SOFT, 0),
        (sheet.title, "Times-Bold", _fitting(sheet.title, 26, A4[0] - 2 * left), _INK, 36),
        (sheet.place, "Helvetica", 13, _INK, 60),
        (sheet.code, "Courier-Bold", 24, _INK, 110),
        (f"Valid until {sheet.valid_until}", "Helvetica", 12, _INK, 140),
        ("One use. Show the code or the QR code; whoever has them can use the voucher.", "Helvetica", 10, _SOFT, 160),
    ):
        canvas.setFillColor(HexColor(colour))
        canvas.setFont(font, size)
        canvas.drawString(left, top - drop, _latin(text))
    canvas.setFillColor(HexColor("#000000"))
    _draw_qr(canvas, sheet.code, left, top - 190 - QR_POINTS)
    canvas.save()
    return file.getvalue()


def _draw_qr(canvas, code: str, left: float, bottom: float) -> None:  # type: ignore[no-untyped-def]
    """Draws the QR code of *code* as squares, dark on the white of the page."""
    import segno

    rows = tuple(segno.make(code, micro=False, error="m").matrix)
    side = QR_POINTS / len(rows)
    for down, row in enumerate(rows):
        for right, dark in enumerate(row):
            if dark:
                canvas.rect(left + right * side, bottom + (len(rows) - 1 - down) * side, side, side, stroke=0, fill=1)


def _fitting(text: str, size: int, width: float) -> int:
    """The largest font size up to *size* at which *text* fits into *width*, by the measure of Times-Bold."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    wanted = stringWidth(_latin(text), "Times-Bold", size)
    return size if wanted <= width else max(8, int(size * width / wanted))


def _latin(text: str) -> str:
    """The text in the characters that PDF's own fonts have; others become question marks."""
    return text.encode("cp1252", "replace").decode("cp1252")
