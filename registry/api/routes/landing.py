"""Where a phone's own camera ends that scans a printed look-up code.

The page says what the code is and what to check it with. It shows no content: whoever printed the
paper also chose where its code points, so a page that the code leads to proves nothing. The code's
key is in the URL's fragment, which browsers do not send.
"""

from fastapi import Response

from ecert.lookup import PATH
from registry.api.routes.routers import public_router

_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>在线查询码 Look-up code</title>
</head>
<body>
<h1>这是证照的在线查询码</h1>
<p>请不要凭网页判断证照真伪。请打开核验程序或核验网页，拍下或上传纸上的任一二维码，或上传 PDF 文件，
并将核验结果与纸面和本人逐项核对。</p>
<h1 lang="en">This is a certificate's look-up code</h1>
<p lang="en">Do not judge the certificate by a web page. Open the verifier, take or upload a picture
of either code on the paper, or upload the PDF, and compare what the verifier shows with the paper
and the person.</p>
</body>
</html>
"""

router = public_router("papers", prefix="")
routers = (router,)


@router.get(PATH, response_class=Response, responses={200: {"content": {"text/html": {}}}})
def look_up_code() -> Response:
    """Tell whoever opened a printed look-up code in a browser what to do with it."""
    return Response(_PAGE, media_type="text/html; charset=utf-8")
