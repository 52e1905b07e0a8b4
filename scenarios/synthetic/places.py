"""The 90 counties of Zhejiang by GB/T 2260 code, and the 26 of them called mountain counties.

Public facts, written from general knowledge of the divisions in force since 2021; the codes are
right to the best of that knowledge and stand for places in a synthetic world only.
"""

from typing import NamedTuple


class County(NamedTuple):
    """One county-level division."""

    code: str  # GB/T 2260, six digits
    city: str  # prefecture, without 市
    name: str  # with its own 区, 市 or 县


_BY_CITY = {
    "杭州": (
        "330102上城区 330105拱墅区 330106西湖区 330108滨江区 330109萧山区 330110余杭区 "
        "330111富阳区 330112临安区 330113临平区 330114钱塘区 330122桐庐县 330127淳安县 "
        "330182建德市"
    ),
    "宁波": (
        "330203海曙区 330205江北区 330206北仑区 330211镇海区 330212鄞州区 330213奉化区 "
        "330225象山县 330226宁海县 330281余姚市 330282慈溪市"
    ),
    "温州": (
        "330302鹿城区 330303龙湾区 330304瓯海区 330305洞头区 330324永嘉县 330326平阳县 "
        "330327苍南县 330328文成县 330329泰顺县 330381瑞安市 330382乐清市 330383龙港市"
    ),
    "嘉兴": (
        "330402南湖区 330411秀洲区 330421嘉善县 330424海盐县 330481海宁市 330482平湖市 330483桐乡市"
    ),
    "湖州": "330502吴兴区 330503南浔区 330521德清县 330522长兴县 330523安吉县",
    "绍兴": "330602越城区 330603柯桥区 330604上虞区 330624新昌县 330681诸暨市 330683嵊州市",
    "金华": (
        "330702婺城区 330703金东区 330723武义县 330726浦江县 330727磐安县 330781兰溪市 "
        "330782义乌市 330783东阳市 330784永康市"
    ),
    "衢州": "330802柯城区 330803衢江区 330822常山县 330824开化县 330825龙游县 330881江山市",
    "舟山": "330902定海区 330903普陀区 330921岱山县 330922嵊泗县",
    "台州": (
        "331002椒江区 331003黄岩区 331004路桥区 331022三门县 331023天台县 331024仙居县 "
        "331081温岭市 331082临海市 331083玉环市"
    ),
    "丽水": (
        "331102莲都区 331121青田县 331122缙云县 331123遂昌县 331124松阳县 331125云和县 "
        "331126庆元县 331127景宁畲族自治县 331181龙泉市"
    ),
}

COUNTIES = tuple(
    County(entry[:6], city, entry[6:])
    for city, entries in _BY_CITY.items()
    for entry in entries.split()
)

_MOUNTAIN = (
    "330127 330324 330326 330327 330328 330329 330723 330727 "
    "330802 330803 330822 330824 330825 330881 331022 331023 331024 "
    "331102 331121 331122 331123 331124 331125 331126 331127 331181"
)
MOUNTAIN = frozenset(_MOUNTAIN.split())


def trading_place(county: County) -> str:
    """The place that a company name begins with: the city for a district, else the county."""
    return county.city if county.name.endswith("区") else county.name.removesuffix("市")
