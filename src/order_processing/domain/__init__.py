"""The rules of the shop, pure: orders, money, offers, stock, payments, fraud, vouchers, ownership."""
