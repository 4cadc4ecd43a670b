#!/usr/bin/env python3
"""Speak the prompts of this folder as `examples/demo/prompts/make.py` speaks its own; that folder's README says what it needs.

    python make.py node_modules/kokoro-js/voices            # all, or the names that follow
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "demo" / "prompts"))
sys.dont_write_bytecode = True

import make as demo  # noqa: E402

# name: (zh-CN, en)
demo.PROMPTS = {
    "card-number": (
        "录音已暂停。请输入您的银行卡号，按井号键结束。",
        "The recording is paused. Please enter your card number, followed by the hash key.",
    ),
    "expiry": (
        "请输入有效期，四位数字，先月后年。",
        "Please enter the expiry date: two digits for the month, and two for the year.",
    ),
    "security-code": (
        "请输入卡背面的安全码，按井号键结束。",
        "Please enter the security code on the back of the card, followed by the hash key.",
    ),
    "paid": ("支付成功，谢谢。", "Thank you. Your payment went through."),
    "not-paid": (
        "支付未成功，正在为您转接人工坐席。",
        "The payment did not go through. We are connecting you to an agent.",
    ),
}
demo.READINGS |= {"卡号": "ka3 hao4", "银行卡号": "yin2 hang2 ka3 hao4", "已暂停": "yi3 zan4 ting2"}
demo.HERE = HERE

if __name__ == "__main__":
    demo.speak_prompts(demo.Kokoro(Path(sys.argv[1])), sys.argv[2:])
