"""stories and stories-zh: small stories by chance, whose best possible loss is known exactly."""

import numpy as np

from tinygpt.text.grammar import Grammar

N_STORIES = 20_000

# Every story begins with a line end and has no other, so its beginning can be found in the ids.
ENGLISH = Grammar(
    {
        "story": [
            (4, "\nOne {time}, {hero=girl} went to the {place=place} with {friend=animal}. {rest}"),
            (4, "\nOne {time}, {hero=boy} went to the {place=place} with {friend=animal}. {rest}"),
            (1, "\n{hero=girl} and {friend=animal} were at the {place=place}. {rest}"),
            (1, "\n{hero=boy} and {friend=animal} were at the {place=place}. {rest}"),
        ],
        "time": [(4, "day"), (3, "sunny morning"), (2, "cold evening"), (1, "rainy afternoon")],
        "girl": [
            (6, "Mia|She|she|her"), (5, "Ada|She|she|her"), (4, "Lily|She|she|her"),
            (3, "Rosa|She|she|her"), (2, "Nora|She|she|her"), (2, "Wanda|She|she|her"),
        ],
        "boy": [
            (6, "Tom|He|he|his"), (5, "Ben|He|he|his"), (4, "Max|He|he|his"),
            (3, "Leo|He|he|his"), (2, "Oskar|He|he|his"), (2, "Finn|He|he|his"),
        ],
        "animal": [
            (4, "a little dog|the dog|The dog"), (3, "a grey cat|the cat|The cat"),
            (2, "a fat duck|the duck|The duck"),
            (2, "a young goat|the goat|The goat"), (1, "a quiet mouse|the mouse|The mouse"),
        ],
        "place": [
            (4, "park"), (3, "river"), (3, "forest"), (2, "market"), (1, "old mill"),
            (1, "harbour"),
        ],
        "colour": [(4, "red"), (3, "blue"), (2, "green"), (2, "tiny"), (1, "shiny"), (1, "broken")],
        "thing": [
            (4, "ball"), (3, "boat"), (3, "kite"), (2, "lamp"), (2, "drum"), (1, "violin"),
        ],
        "rest": [
            (3, "{hero:1} found {find} {where}. {middle} {end}"),
            (2, "{hero:1} wanted to find {find}. {middle} {end}"),
            (1, "Nobody else was there. {hero:1} had lost {find}. {middle} {end}"),
        ],
        "find": [(1, "a {colour} {thing}")],
        "where": [
            (3, "under a tree"), (2, "in the grass"), (2, "behind a wall"), (1, "next to a stone"),
            (1, "on a wooden bench"),
        ],
        "middle": [
            (4, '"Look!" said {hero}, and {friend:1} {looked}.'),
            (3, "But {friend:1} was {mood} and ran to the {place}, and {hero} ran after it."),
            (3, "{hero:1} asked {friend:1} for help. {friend:2} {looked}, {hero:2} {laughed}."),
            (2, 'Then it began to {weather}. "Come, we must go home," said {hero}.'),
            (1, "They sat down at the {place} and {hero} told {friend:1} a story about {thing}s."),
        ],
        "looked": [(3, "looked up"), (2, "came closer"), (2, "jumped for joy"), (1, "fell asleep")],
        "laughed": [(3, "laughed"), (2, "sang a song"), (1, "clapped {hands}")],
        "hands": [(1, "both hands"), (1, "three times")],
        "mood": [(3, "afraid"), (2, "hungry"), (2, "happy"), (1, "tired")],
        "weather": [(3, "rain"), (2, "snow"), (1, "get dark")],
        "end": [
            (4, "{hero} took {friend:1} home and was {feeling}."),
            (3, "In the end {hero:2} gave {hero:3} {gift} to {friend:1}."),
            (2, "They stayed at the {place} until the {light} came out."),
            (1, '"{feeling2}," said {hero}, and {friend:1} thought so too.'),
        ],
        "feeling": [(4, "very happy"), (2, "a bit sad"), (2, "tired"), (1, "hungry as a bear")],
        "gift": [(3, "bread"), (2, "hat"), (1, "last apple"), (1, "warm coat")],
        "light": [(2, "moon"), (2, "stars"), (1, "first bats")],
        "feeling2": [(2, "What a day"), (1, "Tomorrow we come again"), (1, "I like it here")],
    }
)  # fmt: skip

CHINESE = Grammar(
    {
        "story": [
            (4, "\n{time}，{hero=girl}和{friend=animal}去了{place=place}。{rest}"),
            (4, "\n{time}，{hero=boy}和{friend=animal}去了{place=place}。{rest}"),
            (1, "\n{hero=girl}住在{place=place}旁边，家里有{friend=animal}。{rest}"),
            (1, "\n{hero=boy}住在{place=place}旁边，家里有{friend=animal}。{rest}"),
        ],
        "time": [(4, "有一天"), (3, "一个晴朗的早晨"), (2, "一个寒冷的晚上"), (1, "下雨的午后")],
        "girl": [
            (6, "小美|她"), (5, "小红|她"), (4, "丽丽|她"), (3, "阿兰|她"), (2, "芳芳|她"),
            (2, "玉珍|她"),
        ],
        "boy": [
            (6, "小明|他"), (5, "小刚|他"), (4, "阿宝|他"), (3, "大伟|他"), (2, "强强|他"),
            (2, "天佑|他"),
        ],
        "animal": [
            (4, "一只小狗|小狗"), (3, "一只灰猫|灰猫"), (2, "一只胖鸭子|胖鸭子"),
            (2, "一只山羊|山羊"), (1, "一只老鼠|老鼠"),
        ],
        "place": [
            (4, "公园"), (3, "河边"), (3, "树林"), (2, "市场"), (1, "旧磨坊"), (1, "港口"),
        ],
        "rest": [
            (3, "{hero:1}在{where}找到了{find}。{middle}{end}"),
            (2, "{hero:1}想找{find}。{middle}{end}"),
            (1, "那里没有别人。{hero:1}丢了{find}。{middle}{end}"),
        ],
        "find": [
            (4, "一个{colour}球"), (3, "一条{colour}船"), (3, "一只{colour}风筝"),
            (2, "一盏{colour}灯"), (2, "一面{colour}鼓"), (1, "一把{colour}琴"),
        ],
        "colour": [(4, "红色的"), (3, "蓝色的"), (2, "绿色的"), (2, "小小的"), (1, "闪亮的")],
        "where": [(3, "树下"), (2, "草地上"), (2, "墙后面"), (1, "石头旁边"), (1, "长椅上")],
        "middle": [
            (4, "“看！”{hero}说，{friend:1}{looked}。"),
            (3, "可是{friend:1}{mood}，跑回{place}，{hero}在后面追。"),
            (3, "{hero:1}请{friend:1}帮忙。{friend:1}{looked}，{hero:1}{laughed}。"),
            (2, "这时{weather}。“我们回家吧。”{hero}说。"),
            (1, "他们坐在{place}，{hero}给{friend:1}讲了一个故事。"),
        ],
        "looked": [(3, "抬起头来"), (2, "走近了"), (2, "高兴得跳起来"), (1, "睡着了")],
        "laughed": [(3, "笑了"), (2, "唱了一首歌"), (1, "拍了拍手")],
        "mood": [(3, "害怕了"), (2, "饿了"), (2, "很高兴"), (1, "累了")],
        "weather": [(3, "下雨了"), (2, "下雪了"), (1, "天黑了")],
        "end": [
            (4, "{hero}带{friend:1}回了家，心里{feeling}。"),
            (3, "最后{hero:1}把{gift}给了{friend:1}。"),
            (2, "他们在{place}待到{light}出来。"),
            (1, "“{words}。”{hero}说，{friend:1}也这样想。"),
        ],
        "feeling": [(4, "非常快乐"), (2, "有点难过"), (2, "很平静"), (1, "还想再去")],
        "gift": [(3, "面包"), (2, "帽子"), (1, "最后一个苹果"), (1, "暖和的外衣")],
        "light": [(2, "月亮"), (2, "星星"), (1, "萤火虫")],
        "words": [(2, "今天真好"), (1, "明天再来"), (1, "我喜欢这里")],
    }
)  # fmt: skip


def stories(grammar: Grammar, n: int = N_STORIES, seed: int = 0) -> list[str]:
    """n stories, always the same for one seed."""
    rng = np.random.default_rng(seed)
    return [grammar.write(rng)[0] for _ in range(n)]
