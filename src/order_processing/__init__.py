"""Order processing: from an order to the voucher in the customer's hands, in well under a second."""
