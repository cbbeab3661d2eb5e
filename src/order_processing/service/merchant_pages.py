"""``/merchant``: the page at the till. Type or scan a code, see what it is worth, redeem it with one tap."""

from order_processing.domain import MerchantUser
from order_processing.ids import Ids
from order_processing.service.fields import form_texts
from order_processing.service.http import Reply
from order_processing.service.merchants import Merchants
from order_processing.service.pages import Pages
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.router import Request
from order_processing.service.voucher_desk import VoucherCard, VoucherDesk

HOME = b"/merchant"
WRONG_TOKEN = "this is no merchant's token; ask the shop for yours"  # noqa: S105 - a sentence, not a token


class MerchantPages:
    """Handlers of the page; its forms go to addresses of their own, so that every answer can be reloaded."""

    def __init__(self, desk: VoucherDesk, merchants: Merchants, pages: Pages, ids: Ids) -> None:
        self._desk = desk
        self._merchants = merchants
        self._pages = pages
        self._ids = ids

    async def home(self, request: Request) -> Reply:
        """``GET /merchant``: the form for codes, or the one for the token."""
        by = self._merchants.in_session(request)
        return self._sign_in() if by is None else self._till(by)

    async def sign_in(self, request: Request) -> Reply:
        """``POST /merchant/session``."""
        token = (await form_texts(request, ("token",))).get("token", "")
        if self._merchants.with_token(request, token) is None:
            return self._sign_in(ProblemError(Problem.MERCHANT_TOKEN, WRONG_TOKEN))
        return _to_home(self._merchants.opened_session(token))

    async def sign_out(self, request: Request) -> Reply:
        """``POST /merchant/session/end``."""
        await form_texts(request, ())
        return _to_home(self._merchants.closed_session())

    async def check(self, request: Request) -> Reply:
        """``POST /merchant/check``."""
        by, form = await self._asked(request, ("code",))
        if by is None:
            return _to_home()
        code = form.get("code", "")
        try:
            return self._till(by, code, await self._desk.check(request, by, code))
        except ProblemError as error:
            return self._till(by, code, problem=error)

    async def redeem(self, request: Request) -> Reply:
        """``POST /merchant/redeem``; the form's key makes a double tap one redemption."""
        by, form = await self._asked(request, ("code", "redemption"))
        if by is None:
            return _to_home()
        try:
            card = await self._desk.redeem(request, by, form.get("code", ""), form.get("redemption", ""))
        except ProblemError as error:
            return self._till(by, problem=error)
        return self._till(by, form["code"], card, done="redeemed")

    async def undo(self, request: Request) -> Reply:
        """``POST /merchant/undo``."""
        by, form = await self._asked(request, ("code",))
        if by is None:
            return _to_home()
        try:
            card = await self._desk.undo(request, by, form.get("code", ""))
        except ProblemError as error:
            return self._till(by, problem=error)
        return self._till(by, form["code"], card, done="undone")

    async def _asked(self, request: Request, fields: tuple[str, ...]) -> tuple[MerchantUser | None, dict[str, str]]:
        form = await form_texts(request, fields)
        return self._merchants.in_session(request), form

    def _sign_in(self, problem: ProblemError | None = None) -> Reply:
        return self._pages.form("sign_in.html", problem, desk="merchant", named=False)

    def _till(
        self,
        by: MerchantUser,
        code: str = "",
        card: VoucherCard | None = None,
        *,
        problem: ProblemError | None = None,
        done: str = "",
    ) -> Reply:
        redemption = self._ids.order_id()
        return self._pages.form("merchant.html", problem, by=by, code=code, card=card, done=done, redemption=redemption)


def _to_home(cookie: bytes | None = None) -> Reply:
    headers = ((b"location", HOME), *(((b"set-cookie", cookie),) if cookie else ()))
    return Reply(303, b"", headers=headers)
