"""What a package says of itself: what it proves and what not, for whoever opens it with no tool.

There are four texts, and the content of a package determines which one it bears. They are part of
the format ``ecert-evidence/1`` (docs/formats.md) and frozen with it, which is why they are not
among the messages, whose wording may change: a package with any other text is refused, so that
nobody can make one say more than it proves. Nothing is learnt from a text: the report on a check
says what was found.

Lines begin and end with a line feed, and the English is ASCII: ``strings`` and ``less`` show them.
"""

_SEALED_ZH = "信任文件所列（及由其依次变更而来）的验证节点中法定多数对区块头的签封，或信任文件本身"
_SEALED_EN = """\
the seals of a quorum of validators on the block's header: those
  whom the trust file names, or who lawfully followed; or on that
  file where it names the block"""
_SIGNED_ZH = "仅为一个运营者对区块检查点的签名，别无他人见证"
_SIGNED_EN = "one operator's signature on a checkpoint, witnessed by nobody else"

_STAMPED_ZH = """\
包内另有时间戳令牌：
  信任文件列明其机构的，该机构证明区块哈希在令牌所载时间已经存在；未列明的，令牌不证明任何事"""
_STAMPED_EN = """\
There is a timestamp token besides:
  where the trust file names its authority, that authority confirms that the
  block's hash was there at the token's time; otherwise it confirms nothing"""
_UNSTAMPED_ZH = "包内没有外部机构的时间戳"
_UNSTAMPED_EN = "No outside authority confirms them"

_TEXT = """
电子证照证据包 ecert-evidence/1

本段文字由格式规定，本身不证明任何事；文件中的其他文字也不是对证明力的说明。
核验：verifier evidence check 本文件 --trust trust.json
信任文件 trust.json 须向签署它的理事会取得，不可使用交来本文件者提供的。

经核验为有效的，证明：
- 证照由其所载部门的密钥签名，内容未被改动，其摘要至迟在所依据的区块已登记上链；
- 登记之时，密钥属于该部门，该部门及其各级上级部门有权签发此类证照；
- 截至所依据区块的时间，证照既未撤销也未暂停。
依据：{rests_zh}。
不证明：
- 出示人就是持证人；
- 所依据区块的时间之后的任何情况，此后证照可能已被撤销；
- 证照所载事项属实，只证明该部门作此记载；
- 时间：时间是{whose_zh}所称的时间。{stamp_zh}。

Evidence package of an electronic certificate, ecert-evidence/1

This text is fixed by the format and proves nothing by itself; no other words
in this file say what it proves.
To check it: verifier evidence check THIS_FILE --trust trust.json
Get the trust file from the council that signs it, never from whoever handed
this file over.

Where the check finds it valid, it proves:
- The document was signed with a key of the department that it names, is
  unchanged, and its digest was on the chain by the block relied on.
- When it was anchored, the key was that department's, and the department and
  all above it were authorised to issue documents of this kind.
- As of that block's time the document was neither revoked nor suspended.
It rests on {rests_en}.
It does not prove:
- that whoever shows it is the document's holder;
- anything after that block's time: it may have been revoked since;
- that what the document says is true, only that the department said so;
- the time: times are {whose_en} word. {stamp_en}.
"""


def statement(*, sealed: bool, stamped: bool) -> str:
    """Return the text that a package must bear.

    Args:
        sealed: Whether its block is proved by a header that validators sealed; else by one
            operator's checkpoint.
        stamped: Whether there is a timestamp token, checked or not.
    """
    return _TEXT.format(
        rests_zh=_SEALED_ZH if sealed else _SIGNED_ZH,
        rests_en=_SEALED_EN if sealed else _SIGNED_EN,
        whose_zh="验证节点" if sealed else "运营者",
        whose_en="the validators'" if sealed else "the operator's",
        stamp_zh=_STAMPED_ZH if stamped else _UNSTAMPED_ZH,
        stamp_en=_STAMPED_EN if stamped else _UNSTAMPED_EN,
    )
