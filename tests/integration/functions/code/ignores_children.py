"""Wants to hear of no child that ends, and of no other signal, in whichever process imports it."""

import os
import signal

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.set_wakeup_fd(-1)


def handler(event, context):
    os._exit(event)
