"""Titles of books that exist, and parts of names, for a library that does not."""

_CHINESE = """
诗经 尚书 周易 周礼 仪礼 礼记 春秋左传 春秋公羊传 春秋穀梁传 论语 孟子 孝经
尔雅 大学 中庸 说文解字 广韵 史记 汉书 后汉书 三国志 晋书 宋书 南齐书 梁书
陈书 魏书 北齐书 周书 隋书 南史 北史 旧唐书 新唐书 旧五代史 新五代史 宋史
辽史 金史 元史 明史 资治通鉴 国语 战国策 越绝书 吴越春秋 水经注 洛阳伽蓝记
大唐西域记 徐霞客游记 梦粱录 武林旧事 西湖游览志 咸淳临安志 文史通义 史通 通典
文献通考 老子 庄子 列子 墨子 荀子 韩非子 管子 孙子兵法 吴子 尉缭子 六韬 三略
吕氏春秋 淮南子 论衡 抱朴子 颜氏家训 世说新语 搜神记 博物志 酉阳杂俎 梦溪笔谈
容斋随笔 天工开物 农政全书 齐民要术 本草纲目 黄帝内经 伤寒论 金匮要略 茶经
齐东野语 老学庵笔记 日知录 传习录 近思录 四书章句集注 楚辞 文选 玉台新咏
乐府诗集 陶渊明集 李太白全集 杜工部集 王右丞集 白氏长庆集 昌黎先生集 柳河东集
东坡七集 稼轩长短句 漱玉词 剑南诗稿 文心雕龙 诗品 沧浪诗话 人间词话 唐诗三百首
宋词三百首 古文观止 西厢记 牡丹亭 桃花扇 长生殿 窦娥冤 三国演义 水浒传 西游记
红楼梦 儒林外史 聊斋志异 镜花缘 老残游记 醒世恒言 警世通言 喻世明言 初刻拍案惊奇
浮生六记 陶庵梦忆 西湖梦寻 阅微草堂笔记 四库全书总目
"""
_ENGLISH = """
The Canterbury Tales
Utopia
Hamlet
King Lear
The Tempest
Paradise Lost
The Pilgrim's Progress
Robinson Crusoe
Gulliver's Travels
Tristram Shandy
The Wealth of Nations
The Life of Samuel Johnson
Pride and Prejudice
Emma
Frankenstein
Ivanhoe
Jane Eyre
Wuthering Heights
Vanity Fair
David Copperfield
Great Expectations
Bleak House
Middlemarch
Walden
Moby-Dick
Leaves of Grass
The Scarlet Letter
On the Origin of Species
Alice's Adventures in Wonderland
Treasure Island
Adventures of Huckleberry Finn
The Portrait of a Lady
The Time Machine
Heart of Darkness
The Jungle Book
Tess of the d'Urbervilles
The Picture of Dorian Gray
Dracula
The Analects
The Travels of Marco Polo
"""
_GIVEN = "文澜 思齐 佳宁 子轩 雨桐 嘉树 明远 若兰 国华 秀英 建平 晓燕 知行 望舒 清和 云帆"

CHINESE = tuple(_CHINESE.split())
ENGLISH = tuple(_ENGLISH.strip().splitlines())
SURNAMES = tuple("王李张刘陈杨黄赵周吴徐孙朱马胡郭何林罗高沈章钱俞")
GIVEN = tuple(_GIVEN.split())
