"""Names of enterprises: place, two-syllable brand, line of business, legal form.

All names are fictional and unique in their world; a random one may still be a real firm's.
"""

from collections.abc import Sequence

import numpy as np

from scenarios.synthetic.chance import Ints, Texts, stream

# 600 characters that brand names are made of.
SYLLABLES = (
    "安邦宝博昌超晨成诚驰川传春纯达大丹德登迪鼎东敦恩发帆方飞芬丰枫锋凤福富刚高格庚冠"
    "光广贵桂国海翰航浩禾合和恒弘宏鸿虎华欢皇辉汇惠慧吉佳嘉坚建健江杰捷金锦晋京晶精景"
    "靖久巨君俊峻骏凯康科可坤兰澜朗乐磊立丽利联良梁亮林琳霖灵凌菱隆龙鲁路伦罗洛绿茂美"
    "梦民名明铭茗莫木牧南能宁诺欧派鹏品平朴普奇祺启起千乾强勤青清庆琼秋全泉群仁荣融如"
    "锐瑞润若森山善尚绍申深神升生圣胜盛狮石时实世书舒双顺思松苏素速泰堂涛腾天田同图拓"
    "万旺威唯维伟卫文沃雾夕西希喜先贤祥翔向晓孝协心新欣鑫信星兴幸雄秀旭轩雪迅雅亚言岩"
    "阳扬洋尧耀业叶一宜义艺亦易益逸毅音银英盈赢颖永勇优友有又余宇羽雨禹玉育裕誉元园源"
    "远岳悦越云运韵泽展占章彰哲珍真振正政之知直志致智中忠众舟洲珠竹卓紫宗尊佐作奥百柏"
    "北碧彬斌炳波步才材财彩灿沧苍策层畅朝辰澄池持崇初楚创椿聪粹存道典殿定栋端朵尔法繁"
    "范芳仿奋封峰逢芙扶抚赋甘港戈歌耕工公功恭古谷关观瑰果汉豪好荷贺赫衡虹洪厚湖沪淮环"
    "焕徽会基集济纪季冀加家稼鉴将蒋匠娇洁介今津进劲经菁净静炯九聚娟军钧开楷刊柯克空宽"
    "奎昆来莱蓝劳雷蕾黎礼理力历励莲炼廉辽烈麟玲岭令柳鹿露麓旅律峦马迈满曼梅媒门萌米勉"
    "妙敏鸣谋慕穆乃农暖盘沛佩彭飘频萍坪浦栖齐骐麒气恰谦前潜桥巧沁琴情晴擎求曲趣权然人"
    "任日容榕柔儒沙杉珊商上韶慎声省师施始士仕适守寿抒淑树帅爽水司斯颂宋穗索台太谭棠桃"
    "特藤题恬调听庭亭通童桐彤统透途团屯望微韦苇为蔚温闻稳吾武舞物悟熙溪禧霞夏仙弦显宪"
)

LEGAL_FORMS = ("有限公司", "股份有限公司", "合伙企业（有限合伙）", "商行")
LEGAL_FORM_SHARES = (0.78, 0.06, 0.04, 0.12)
SOLE_TRADER = 3


def draw(seed: int, place: Ints, trade: Ints, form: Ints) -> tuple[Ints, Ints]:
    """First and second syllable of each brand, so that no full name occurs twice."""
    rng = stream(seed, "names")
    first, second = rng.integers(0, len(SYLLABLES), (2, len(place)))
    while len(again := _repeated(place, trade, form, first, second)):
        first[again], second[again] = rng.integers(0, len(SYLLABLES), (2, len(again)))
    return first, second


def spell(
    places: Sequence[str], trades: Sequence[str], parts: tuple[Ints, Ints, Ints, Ints, Ints]
) -> Texts:
    """Full names from indices: place, first and second syllable, trade, form."""
    names = np.empty(len(parts[0]), dtype=object)
    names[:] = [
        f"{places[p]}{SYLLABLES[a]}{SYLLABLES[b]}{trades[t]}{LEGAL_FORMS[f]}"
        for p, a, b, t, f in zip(*(part.tolist() for part in parts), strict=True)
    ]
    return names


def _repeated(*parts: Ints) -> Ints:
    """Rows whose name an earlier row already has."""
    whole = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        whole = whole * 1000 + part
    _, earliest = np.unique(whole, return_index=True)
    return np.setdiff1d(np.arange(len(whole)), earliest)
