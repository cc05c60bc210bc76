"""What the command lines' parser says of arguments, in Chinese: it speaks English alone."""

import re

_RANGES = {
    "greater than or equal to": "不小于",
    "less than or equal to": "不大于",
    "greater than": "大于",
    "less than": "小于",
}
_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"Missing command", "缺少命令"),
        (r"Missing argument (.+)", "缺少参数 {0}"),
        (r"Missing option (.+)", "缺少选项 {0}"),
        (r"No such command (.+?)\. Did you mean (.+)\?", "没有命令 {0}，是否指 {1}"),
        (r"No such command (.+)", "没有命令 {0}"),
        (r"No such option: (.+) \(Possible options: (.+)\)", "没有选项 {0}，是否指 {1}"),
        (r"No such option: (.+)", "没有选项 {0}"),
        (r"Option (.+) requires an argument", "选项 {0} 需要一个值"),
        (r"Option (.+) does not take a value", "选项 {0} 不带值"),
        (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", "多出了参数 {0}"),
        (r"Invalid value for (.+?): (.+)", "{0} 的值不对：{1}"),
        (r"Invalid value: (.+)", "值不对：{0}"),
        (r"(.+) is not one of (.+)", "{0} 不是以下之一：{1}"),
        (rf"Input should be ({'|'.join(_RANGES)}) (.+)", "应{0} {1}"),
        (r"Input should be a valid integer.*", "应为整数"),
        (r"Input should be a valid number.*", "应为数字"),
        (r"(.+) is no address", "{0} 不是地址"),
        (r"--engine: (.+) is neither besu nor quorum", "--engine 的 {0} 既不是 besu 也不是 quorum"),
    )
)


def one_line(reason: str) -> str:
    """Return the parser's message in one line, without what only programmers read."""
    return " ".join(reason.split()).replace("Value error, ", "").rstrip(".")


def in_chinese(reason: str) -> str:
    """Return the parser's message in Chinese; one that is not known stays as it is."""
    for pattern, words in _WORDS:
        found = pattern.fullmatch(reason)
        if found is not None:
            parts = (_RANGES.get(part) or in_chinese(part) for part in found.groups())
            return words.format(*parts)
    return reason
