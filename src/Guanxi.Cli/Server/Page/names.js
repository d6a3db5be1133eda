// Guesses which words of a sentence are names, so that a reader can take them instead of selecting. A wrong guess costs nothing.

const surnames = new Set([..."王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤鲍阎华霍俞章鲁柳殷宫葛梅盛刁骆庞樊凌颜倪温季娄管包左岑关岳诸齐康伍元卜齐狄米贝明臧计伏成谈茅屈项祝阮蓝闵席麻强冉阿"]);
const longSurnames = ["欧阳", "司马", "上官", "诸葛", "司徒", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "长孙", "宇文", "令狐", "端木"];

// What rarely stands inside a given name: a guess ends before it.
const breaks = new Set([..."的是和与同跟及在把被对向从给为了着过将让带说问曾又也都不就还只因而且或把比拜嫁娶登去来到这那其之等他她它们两二三四五六七八九十，。、；：？！“”‘’（）《》〈〉—…·,.;:?!()[] \n\t\"'"]);
const most = 6;

/** @param {string} text @param {number} at @returns {string | null} */
function chineseName(text, at) {
  const long = longSurnames.find(surname => text.startsWith(surname, at));
  if (!long && !surnames.has(text[at])) {
    return null;
  }
  const start = at + (long?.length ?? 1);
  let end = start;
  while (end < text.length && end < start + 2 && !breaks.has(text[end])) {
    end++;
  }
  return end > start ? text.slice(at, end) : null;
}

/**
 * @param {string} text A sentence.
 * @returns {string[]} Names that it may hold, in its order.
 */
export function guessNames(text) {
  const found = [...text.matchAll(/[A-Z][\p{L}.'-]*(?: [A-Z][\p{L}.'-]*)*|[\p{Script=Han}]{1,5}(?:·[\p{Script=Han}]{1,6})+/gu)].map(match => match[0]);
  for (let at = 0; at < text.length; at++) {
    const name = chineseName(text, at);
    if (name) {
      found.push(name);
      at += name.length - 1;
    }
  }
  const names = [...new Set(found)].filter(name => name.length > 1);
  // Of 曹植 and 曹植登 the shorter one, where it stands alone elsewhere, is the name.
  const kept = names.filter(name => !names.some(other => other !== name && name.startsWith(other)));
  return kept.sort((a, b) => text.indexOf(a) - text.indexOf(b)).slice(0, most);
}

/** A letter or digit of a script that puts spaces between words. @param {string | undefined} unit */
const isWordUnit = unit => Boolean(unit && unit < "\u0e00" && /[\p{L}\p{Nd}]/u.test(unit));

/**
 * @param {string} text @param {string} name
 * @returns {[number, number][]} Every place of a name, UTF-16 units; those inside a longer word only where there are no others.
 */
export function mentions(text, name) {
  const places = [];
  for (let at = name ? text.indexOf(name) : -1; at >= 0; at = text.indexOf(name, at + 1)) {
    places.push([at, at + name.length]);
  }
  const joins = at => isWordUnit(text[at - 1]) && isWordUnit(text[at]);
  const whole = places.filter(([start, end]) => !joins(start) && !joins(end));
  return whole.length > 0 ? whole : places;
}
