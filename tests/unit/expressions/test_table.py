"""What JSONata's operators and functions do: a row for each, over one message of a shop.

The expressions are ours. Each value is what JSONata 2.2.2 itself (jsonata-js) gives for it, run on 555 rows by hand on
2026-11-30; where ours differs on purpose, test_exact.py says so. docs.jsonata.org describes all of them.
"""

import json

import pytest

from redrive.expressions.exact import read, same, scripted, write
from redrive.expressions.jsonata import Expression
from redrive.values.errors import ExpressionFailed, InvalidRequest

SHOP = """
{
 "body": {
  "quantity": 3,
  "customer": {
   "name": "Zoë",
   "vip": true
  },
  "items": [
   {
    "sku": "A",
    "price": 12.5,
    "quantity": 1,
    "tags": [
     "x",
     "y"
    ]
   },
   {
    "sku": "B",
    "price": 8,
    "quantity": 2,
    "tags": [
     "y"
    ]
   },
   {
    "sku": "C",
    "price": 20,
    "quantity": 3,
    "tags": [
     "x"
    ]
   }
  ],
  "single": {
   "name": "one"
  },
  "odd name": 1,
  "nested": {
   "deep": {
    "er": "found"
   }
  },
  "none": null,
  "list": [
   1,
   [
    2,
    3
   ],
   null
  ],
  "matrix": [
   [
    1,
    2
   ],
   [
    3,
    4
   ]
  ]
 }
}
"""

ROWS = r"""
1 + 2  ⇒  3
7 - 10  ⇒  -3
6 * 7  ⇒  42
22 / 7  ⇒  3.142857142857143
10 / 4  ⇒  2.5
9 / 3  ⇒  3
7 % 3  ⇒  1
-7 % 3  ⇒  -1
5.5 % 2  ⇒  1.5
0.1 + 0.2  ⇒  0.30000000000000004
2 + 3 * 4  ⇒  14
(2 + 3) * 4  ⇒  20
-body.quantity  ⇒  -3
1e3  ⇒  1000
1.50  ⇒  1.5
1 = 1  ⇒  true
1 = 1.0  ⇒  true
1 = "1"  ⇒  false
1 = true  ⇒  false
"a" = "a"  ⇒  true
"a" != "b"  ⇒  true
true = true  ⇒  true
null = null  ⇒  true
null = false  ⇒  false
[1, 2] = [1, 2]  ⇒  true
[1, 2] = [2, 1]  ⇒  false
{"a": 1, "b": 2} = {"b": 2, "a": 1}  ⇒  true
body.missing = body.missing  ⇒  false
body.missing != 1  ⇒  false
body.quantity = 3  ⇒  true
body.customer = {"name": "Zoë", "vip": true}  ⇒  true
3 > 2  ⇒  true
3 >= 3  ⇒  true
2 < 1  ⇒  false
"apple" < "banana"  ⇒  true
"Z" < "a"  ⇒  true
body.missing > 1  ⇒  nothing
2 in [1, 2, 3]  ⇒  true
4 in [1, 2, 3]  ⇒  false
"b" in "b"  ⇒  true
1 in [true]  ⇒  false
true in [1]  ⇒  false
null in [null]  ⇒  true
{"a": 1} in [{"a": 1}]  ⇒  false
body.missing in [1]  ⇒  false
"a" & "b"  ⇒  "ab"
"a" & 1  ⇒  "a1"
"a" & 1.5  ⇒  "a1.5"
"a" & true  ⇒  "atrue"
"a" & null  ⇒  "anull"
"a" & body.missing  ⇒  "a"
1 & 2  ⇒  "12"
"x" & [1, 2]  ⇒  "x[1,2]"
"x" & {"a": 1}  ⇒  "x{\"a\":1}"
true and false  ⇒  false
true or false  ⇒  true
"text" and 1  ⇒  true
0 or ""  ⇒  false
[] or [0]  ⇒  false
[0, 1] and true  ⇒  true
{} or false  ⇒  false
$not(0)  ⇒  true
$not("a")  ⇒  false
$boolean([0, 0])  ⇒  false
$boolean({"a": 1})  ⇒  true
$boolean("0")  ⇒  true
true ? 1 : 2  ⇒  1
0 ? 1 : 2  ⇒  2
false ? 1  ⇒  nothing
body.quantity > 2 ? "many" : "few"  ⇒  "many"
body.missing ?: "none"  ⇒  "none"
0 ?: "none"  ⇒  "none"
body.missing ?? "none"  ⇒  "none"
0 ?? "none"  ⇒  0
[1..5]  ⇒  [1, 2, 3, 4, 5]
[3..1]  ⇒  []
[-2..2]  ⇒  [-2, -1, 0, 1, 2]
$count([1..100])  ⇒  100
[1..3].($ * 2)  ⇒  [2, 4, 6]
body.items.sku  ⇒  ["A", "B", "C"]
body.items[0].sku  ⇒  "A"
body.items[-1].sku  ⇒  "C"
body.items[1..1].sku  ⇒  refused
body.items[[0, 2]].sku  ⇒  ["A", "C"]
body.items[price > 10].sku  ⇒  ["A", "C"]
body.items[sku = "B"].price  ⇒  8
body.items[sku = "none"].price  ⇒  nothing
body.items.tags  ⇒  ["x", "y", "y", "x"]
body.items.tags[0]  ⇒  ["x", "y", "x"]
body.items[0].tags[1]  ⇒  "y"
(body.items.tags)[0]  ⇒  "x"
body.items.price[]  ⇒  [12.5, 8, 20]
body.items[0].sku[]  ⇒  ["A"]
body.single.name  ⇒  "one"
body.single[0].name  ⇒  "one"
body.single.name[]  ⇒  ["one"]
body.*.name  ⇒  ["Zoë", "one"]
body.customer.*  ⇒  ["Zoë", true]
body.**.sku  ⇒  ["A", "B", "C"]
body.`odd name`  ⇒  1
body."odd name"  ⇒  1
body.nested.deep.er  ⇒  "found"
body.missing.deeper  ⇒  nothing
body.items.missing  ⇒  nothing
body.none  ⇒  null
body.none = null  ⇒  true
$exists(body.none)  ⇒  true
$exists(body.missing)  ⇒  false
$type(body.none)  ⇒  "null"
body.list  ⇒  [1, [2, 3], null]
body.list[0]  ⇒  1
body.list[1][0]  ⇒  2
body.matrix  ⇒  [[1, 2], [3, 4]]
body.matrix[0]  ⇒  [1, 2]
body.matrix[0][1]  ⇒  2
body.matrix.$  ⇒  [1, 2, 3, 4]
body.items.{"s": sku}  ⇒  [{"s": "A"}, {"s": "B"}, {"s": "C"}]
body.items{sku: price}  ⇒  {"A": 12.5, "B": 8, "C": 20}
body.items{tags[0]: $sum(price)}  ⇒  {"x": 32.5, "y": 8}
{"a": body.quantity, "b": body.missing}  ⇒  {"a": 3}
{"k" & 1: 2}  ⇒  {"k1": 2}
[body.quantity, body.missing, "x"]  ⇒  [3, "x"]
[[1], [2]]  ⇒  [[1], [2]]
[body.items.price, 1]  ⇒  [12.5, 8, 20, 1]
body.items^(price).sku  ⇒  ["B", "A", "C"]
body.items^(>price).sku  ⇒  ["C", "A", "B"]
body.items^(<price).sku  ⇒  ["B", "A", "C"]
body.items^(tags[0], >price).sku  ⇒  ["C", "A", "B"]
body.items.(sku & "-" & price)  ⇒  ["A-12.5", "B-8", "C-20"]
body.items.sku.$length($)  ⇒  [1, 1, 1]
body.items#$i[$i > 0].sku  ⇒  ["B", "C"]
body.items@$x.{"s": $x.sku}  ⇒  [{"s": "A"}, {"s": "B"}, {"s": "C"}]
body.items.tags.%.sku  ⇒  ["A", "A", "B", "C"]
body.items.$uppercase(sku)  ⇒  ["A", "B", "C"]
($x := 5; $x * 2)  ⇒  10
($f := function($a, $b) {$a + $b}; $f(2, 3))  ⇒  5
($f := function($n) {$n <= 1 ? 1 : $n * $f($n - 1)}; $f(10))  ⇒  3628800
($add := function($a) {function($b) {$a + $b}}; $add(2)(3))  ⇒  5
($half := $substringBefore(?, "-"); $half("a-b"))  ⇒  "a"
(λ($x) {$x * 2})(4)  ⇒  8
"abc" ~> $uppercase  ⇒  "ABC"
"abc" ~> $substring(1)  ⇒  "bc"
[1, 2, 3] ~> $sum  ⇒  6
($t := $trim ~> $uppercase; $t("  a  "))  ⇒  "A"
body ~> |items|{"price": 1}|  ⇒  {"quantity": 3, "customer": {"name": "Zoë", "vip": true}, "items": [{"sku": "A", "price": 1, "quantity": 1, "tags": ["x", "y"]}, {"sku": "B", "price": 1, "quantity": 2, "tags": ["y"]}, {"sku": "C", "price": 1, "quantity": 3, "tags": ["x"]}], "single": {"name": "one"}, "odd name": 1, "nested": {"deep": {"er": "found"}}, "none": null, "list": [1, [2, 3], null], "matrix": [[1, 2], [3, 4]]}
body ~> |items[0]|{"seen": true}, ["tags"]|  ⇒  {"quantity": 3, "customer": {"name": "Zoë", "vip": true}, "items": [{"sku": "A", "price": 12.5, "quantity": 1, "seen": true}, {"sku": "B", "price": 8, "quantity": 2, "tags": ["y"]}, {"sku": "C", "price": 20, "quantity": 3, "tags": ["x"]}], "single": {"name": "one"}, "odd name": 1, "nested": {"deep": {"er": "found"}}, "none": null, "list": [1, [2, 3], null], "matrix": [[1, 2], [3, 4]]}
body.customer ~> |$|{}, "vip"|  ⇒  {"name": "Zoë"}
$sum([1, 2, 3])  ⇒  6
$sum([])  ⇒  0
$sum(5)  ⇒  5
$sum(body.items.price)  ⇒  40.5
$max([3, 1, 2])  ⇒  3
$min([3, 1, 2])  ⇒  1
$average([1, 2, 3, 4])  ⇒  2.5
$max([])  ⇒  nothing
$count(body.items)  ⇒  3
$count([])  ⇒  0
$count("a")  ⇒  1
$count(body.missing)  ⇒  0
$string(5)  ⇒  "5"
$string(5.0)  ⇒  "5"
$string(1.5)  ⇒  "1.5"
$string(22/7)  ⇒  "3.14285714285714"
$string("a")  ⇒  "a"
$string(true)  ⇒  "true"
$string([1, "a", null])  ⇒  "[1,\"a\",null]"
$string({"a": [1, 2], "b": "c"})  ⇒  "{\"a\":[1,2],\"b\":\"c\"}"
$string({"a": 1}, true)  ⇒  "{\n  \"a\": 1\n}"
$string(1e-7)  ⇒  "1e-7"
$string(0.000001)  ⇒  "0.000001"
$string(100000000000000000000)  ⇒  "100000000000000000000"
$substring("hello", 1)  ⇒  "ello"
$substring("hello", 1, 3)  ⇒  "ell"
$substring("hello", -3)  ⇒  "llo"
$substring("hello", -3, 2)  ⇒  "ll"
$substring("hello", 9)  ⇒  ""
$substringBefore("a-b-c", "-")  ⇒  "a"
$substringAfter("a-b-c", "-")  ⇒  "b-c"
$substringBefore("abc", "x")  ⇒  "abc"
$uppercase("Straße")  ⇒  "STRASSE"
$lowercase("ÄB")  ⇒  "äb"
$lowercase("STRAßE")  ⇒  "straße"
$length("hello")  ⇒  5
$length("日本")  ⇒  2
$trim("  a \n b ")  ⇒  "a b"
$pad("a", 3)  ⇒  "a  "
$pad("a", -3)  ⇒  "  a"
$pad("a", 5, "xy")  ⇒  "axyxy"
$pad("a", -5, "#")  ⇒  "####a"
$contains("abracadabra", "bra")  ⇒  true
$contains("abracadabra", /a.*a/)  ⇒  true
$contains("Hello", /hello/i)  ⇒  true
$contains("a\nb", /a$/)  ⇒  false
$contains("a\nb", /a$/m)  ⇒  true
$contains("abc\n", /c$/)  ⇒  false
$contains("٣", /\d/)  ⇒  false
$contains("é", /\w/)  ⇒  false
$split("a,b,c", ",")  ⇒  ["a", "b", "c"]
$split("a,b,c", ",", 2)  ⇒  ["a", "b"]
$split("abc", "")  ⇒  ["a", "b", "c"]
$split("a, b;c", /[,;] ?/)  ⇒  ["a", "b", "c"]
$split("a1b2c", /(\d)/)  ⇒  ["a", "b", "c"]
$join(["a", "b"], "-")  ⇒  "a-b"
$join(["a", "b"])  ⇒  "ab"
$join("a", "-")  ⇒  "a"
$match("ababbabbb", /a(b+)/)  ⇒  [{"match": "ab", "index": 0, "groups": ["b"]}, {"match": "abb", "index": 2, "groups": ["bb"]}, {"match": "abbb", "index": 5, "groups": ["bbb"]}]
$match("ababbabbb", /a(b+)/, 1)  ⇒  {"match": "ab", "index": 0, "groups": ["b"]}
$match("abc", /x/)  ⇒  nothing
$match("foo", /(?<n>o)/)  ⇒  [{"match": "o", "index": 1, "groups": ["o"]}, {"match": "o", "index": 2, "groups": ["o"]}]
$replace("a-b-c", "-", "+")  ⇒  "a+b+c"
$replace("a-b-c", "-", "+", 1)  ⇒  "a+b-c"
$replace("John Smith", /(\w+)\s(\w+)/, "$2, $1")  ⇒  "Smith, John"
$replace("265USD", /([0-9]+)USD/, "$$$1")  ⇒  "$265"
$replace("abc", /b/, "[$0]")  ⇒  "a[b]c"
$replace("aaa", /a/, "b", 2)  ⇒  "bba"
$replace("aaa", /a/, "aa", 2)  ⇒  "aaaaa"
$replace("a", /(a)/, "$12")  ⇒  "a2"
$replace("ab", /[a-z]/, function($m) {$uppercase($m.match)})  ⇒  "AB"
$base64encode("hello")  ⇒  "aGVsbG8="
$base64decode("aGVsbG8=")  ⇒  "hello"
$encodeUrlComponent("a b&c/?x=1")  ⇒  "a%20b%26c%2F%3Fx%3D1"
$decodeUrlComponent("a%20b%26c")  ⇒  "a b&c"
$encodeUrl("http://a.b/c d?e=f g")  ⇒  "http://a.b/c%20d?e=f%20g"
$decodeUrl("http://a.b/c%20d")  ⇒  "http://a.b/c d"
$number("5")  ⇒  5
$number("-1.5e2")  ⇒  -150
$number("0x12")  ⇒  18
$number("0b11")  ⇒  3
$number("0o17")  ⇒  15
$number(true)  ⇒  1
$abs(-5)  ⇒  5
$floor(5.9)  ⇒  5
$floor(-5.1)  ⇒  -6
$ceil(5.1)  ⇒  6
$ceil(-5.9)  ⇒  -5
$round(123.456)  ⇒  123
$round(123.456, 2)  ⇒  123.46
$round(123.456, -1)  ⇒  120
$round(11.5)  ⇒  12
$round(12.5)  ⇒  12
$round(125, -1)  ⇒  120
$round(-0.5)  ⇒  0
$sqrt(16)  ⇒  4
$sqrt(2)  ⇒  1.4142135623730951
$power(2, 10)  ⇒  1024
$power(2, -2)  ⇒  0.25
$power(2, 0.5)  ⇒  1.4142135623730951
$formatNumber(12345.6, "#,###.00")  ⇒  "12,345.60"
$formatNumber(1234.5678, "00.000e0")  ⇒  "12.346e2"
$formatNumber(0.14, "01%")  ⇒  "14%"
$formatNumber(-6, "000")  ⇒  "-006"
$formatBase(100, 2)  ⇒  "1100100"
$formatBase(2555, 16)  ⇒  "9fb"
$formatBase(100)  ⇒  "100"
$formatInteger(2789, "w")  ⇒  "two thousand, seven hundred and eighty-nine"
$formatInteger(1999, "I")  ⇒  "MCMXCIX"
$formatInteger(12, "000")  ⇒  "012"
$parseInteger("12,345", "#,##0")  ⇒  12345
$map([1, 2, 3], function($v) {$v * 2})  ⇒  [2, 4, 6]
$map([1, 2, 3], function($v, $i) {$v * $i})  ⇒  [0, 2, 6]
$map(["a", "b"], $uppercase)  ⇒  ["A", "B"]
$filter([1, 2, 3, 4], function($v) {$v % 2 = 0})  ⇒  [2, 4]
$filter(body.items, function($v) {$v.price > 100})  ⇒  nothing
$single([1, 2, 3], function($v) {$v = 2})  ⇒  2
$reduce([1, 2, 3, 4], function($a, $b) {$a + $b})  ⇒  10
$reduce([1, 2, 3], function($a, $b) {$a + $b}, 10)  ⇒  16
$zip([1, 2], ["a", "b"])  ⇒  [[1, "a"], [2, "b"]]
$zip([1, 2, 3], ["a"])  ⇒  [[1, "a"]]
$sift({"a": 1, "b": 2}, function($v) {$v > 1})  ⇒  {"b": 2}
$each({"a": 1, "b": 2}, function($v, $k) {$k & $v})  ⇒  ["a1", "b2"]
$keys({"a": 1, "b": 2})  ⇒  ["a", "b"]
$keys([{"a": 1}, {"b": 2}])  ⇒  ["a", "b"]
$lookup({"a": 1}, "a")  ⇒  1
$lookup([{"a": 1}, {"a": 2}], "a")  ⇒  [1, 2]
$append([1], [2, 3])  ⇒  [1, 2, 3]
$append(1, 2)  ⇒  [1, 2]
$spread({"a": 1, "b": 2})  ⇒  [{"a": 1}, {"b": 2}]
$merge([{"a": 1}, {"b": 2}, {"a": 3}])  ⇒  {"a": 3, "b": 2}
$reverse([1, 2, 3])  ⇒  [3, 2, 1]
$distinct([1, 2, 1, "1", 2])  ⇒  [1, 2, "1"]
$distinct([1, true, 1.0, "1", null, null])  ⇒  [1, true, "1", null]
$distinct([{"a": 1}, {"a": 1}, {"a": 2}])  ⇒  [{"a": 1}, {"a": 2}]
$sort([3, 1, 2])  ⇒  [1, 2, 3]
$sort(["b", "a", "C"])  ⇒  ["C", "a", "b"]
$sort(body.items, function($a, $b) {$a.price > $b.price}).sku  ⇒  ["B", "A", "C"]
$sort([{"k": 1, "n": "a"}, {"k": 0, "n": "b"}, {"k": 1, "n": "c"}], function($a, $b) {$a.k > $b.k}).n  ⇒  ["b", "a", "c"]
$type(1)  ⇒  "number"
$type("a")  ⇒  "string"
$type([])  ⇒  "array"
$type({})  ⇒  "object"
$type(true)  ⇒  "boolean"
$type(null)  ⇒  "null"
$type($sum)  ⇒  "function"
$exists($sum)  ⇒  true
$toMillis("2026-11-20T17:04:00Z")  ⇒  1795194240000
$toMillis("2026-11-20T17:04:00.123+09:00")  ⇒  1795161840123
$toMillis("2026-11-20")  ⇒  1795132800000
$fromMillis(1795194240000)  ⇒  "2026-11-20T17:04:00.000Z"
$fromMillis(1795194240000, "[Y0001]-[M01]-[D01]")  ⇒  "2026-11-20"
$fromMillis(1795194240000, "[H01]:[m01] [z]", "+0900")  ⇒  "02:04 GMT+09:00"
$toMillis("20/11/2026", "[D01]/[M01]/[Y0001]")  ⇒  1795132800000
$eval("[1, 2, 3]")  ⇒  [1, 2, 3]
$eval("quantity + 1", body)  ⇒  4
$clone({"a": 1})  ⇒  {"a": 1}
$assert(true, "x")  ⇒  nothing
/* a comment */ 5  ⇒  5
body.items[0].(price * quantity)  ⇒  12.5
$sum(body.items.(price * quantity))  ⇒  88.5
body.items[tags[0] = "x"].sku  ⇒  ["A", "C"]
body.items["y" in tags].sku  ⇒  ["A", "B"]
body[quantity = 3].customer.name  ⇒  "Zoë"
$string(body.customer)  ⇒  "{\"name\":\"Zoë\",\"vip\":true}"
$length($string(body.items))  ⇒  153
$$.body.quantity  ⇒  3
body.items.($$.body.quantity)  ⇒  [3, 3, 3]
body.[quantity, single.name]  ⇒  [3, "one"]
$fromMillis(1795194240000, "[D1o] [MNn] [Y]")  ⇒  "20th November 2026"
$fromMillis(1795194240000, "[FNn], [D] [MNn,*-3] [Y0001]")  ⇒  "Friday, 20 Nov 2026"
$fromMillis(1795194240000, "[W]")  ⇒  "47"
$fromMillis(1795194240000, "[h]:[m01] [P]")  ⇒  "5:04 pm"
$fromMillis(1795194240123, "[H01]:[m01]:[s01].[f001]")  ⇒  "17:04:00.123"
$toMillis("2026-11-20 17:04", "[Y0001]-[M01]-[D01] [H01]:[m01]")  ⇒  1795194240000
$toMillis("20 November 2026", "[D] [MNn] [Y]")  ⇒  1795132800000
$toMillis("2026-11-20T17:04:00.5Z")  ⇒  1795194240500
$toMillis("2026-11")  ⇒  1793491200000
$toMillis("2026")  ⇒  1767225600000
$toMillis("x")  ⇒  refused
$toMillis("2026-11-20 17:04:00Z")  ⇒  refused
$toMillis("20261120")  ⇒  refused
$toMillis("2026-W47")  ⇒  refused
body.items.%.quantity  ⇒  [3, 3, 3]
body.items.tags.{"t": $, "s": %.sku}  ⇒  [{"t": "x", "s": "A"}, {"t": "y", "s": "A"}, {"t": "y", "s": "B"}, {"t": "x", "s": "C"}]
body.items@$i.tags@$t.{"s": $i.sku, "t": $t}  ⇒  nothing
body.items#$n.{"n": $n, "s": sku}  ⇒  [{"n": 0, "s": "A"}, {"n": 1, "s": "B"}, {"n": 2, "s": "C"}]
body.items[price > $average($$.body.items.price)].sku  ⇒  "C"
body.items[$.price = $max($$.body.items.price)].sku  ⇒  "C"
body.items{sku: $count(tags)}  ⇒  {"A": 2, "B": 1, "C": 1}
body.items.tags{$: $count($)}  ⇒  {"x": 2, "y": 2}
body.items^(>quantity, sku).sku  ⇒  ["C", "B", "A"]
body.items[-1]  ⇒  {"sku": "C", "price": 20, "quantity": 3, "tags": ["x"]}
body.items[5]  ⇒  nothing
body.items[0,1]  ⇒  refused
body.items[1.7].sku  ⇒  "B"
body.items["x" in tags][0].sku  ⇒  "A"
body.items[][0].sku  ⇒  ["A"]
[body.items][0].sku  ⇒  nothing
[[1,2],[3]][0]  ⇒  [1, 2]
[1,[2,3]].$  ⇒  [1, 2, 3]
[[1,2],[3]].$[0]  ⇒  [1, 3]
$sum(body.items[quantity > 1].(price * quantity))  ⇒  76
body.(items.price)  ⇒  [12.5, 8, 20]
body.items.(price > 10 ? sku)  ⇒  ["A", "C"]
$map(body.items, function($i) {$i.price > 10 ? $i.sku})  ⇒  ["A", "C"]
$filter([1..10], function($x) {$x % 3 = 0})  ⇒  [3, 6, 9]
$reduce(body.items.price, function($a, $b) {$a < $b ? $b : $a})  ⇒  20
$each(body.customer, function($v, $k) {$k})  ⇒  ["name", "vip"]
$merge(body.items.{sku: price})  ⇒  {"A": 12.5, "B": 8, "C": 20}
$spread(body.customer)  ⇒  [{"name": "Zoë"}, {"vip": true}]
$lookup(body, "odd name")  ⇒  1
$keys(body.customer)  ⇒  ["name", "vip"]
$join(body.items.sku, ",")  ⇒  "A,B,C"
$split("a.b.c", ".")[1]  ⇒  "b"
$string(body.items)  ⇒  "[{\"sku\":\"A\",\"price\":12.5,\"quantity\":1,\"tags\":[\"x\",\"y\"]},{\"sku\":\"B\",\"price\":8,\"quantity\":2,\"tags\":[\"y\"]},{\"sku\":\"C\",\"price\":20,\"quantity\":3,\"tags\":[\"x\"]}]"
$string(1/3)  ⇒  "0.333333333333333"
$string(100/3)  ⇒  "33.3333333333333"
$string(-0.0000001)  ⇒  "-1e-7"
1/3  ⇒  0.3333333333333333
10/4*2  ⇒  5
2 - -2  ⇒  4
5 % -3  ⇒  2
-5.5 % 2  ⇒  -1.5
0 / 5  ⇒  0
"10" + 1  ⇒  refused
true + 1  ⇒  refused
null + 1  ⇒  refused
"a" < 1  ⇒  refused
null < 1  ⇒  refused
[1] = 1  ⇒  false
[1] < 2  ⇒  refused
"abc" in ["abc", "d"]  ⇒  true
"a" in null  ⇒  false
null = body.missing  ⇒  false
body.none > 1  ⇒  refused
body.none & "x"  ⇒  "nullx"
$length(body.none)  ⇒  refused
$exists([])  ⇒  true
$exists({})  ⇒  true
$boolean(null)  ⇒  false
$boolean(" ")  ⇒  true
$boolean([])  ⇒  false
$boolean([[]])  ⇒  false
$boolean([[0]])  ⇒  false
$boolean([null])  ⇒  false
$boolean({"a": null})  ⇒  true
$boolean($sum)  ⇒  false
$not(null)  ⇒  true
$not([])  ⇒  true
$not(body.missing)  ⇒  nothing
$number("")  ⇒  refused
$number("abc")  ⇒  refused
$number(null)  ⇒  refused
$number(" 5")  ⇒  refused
$round(1.005, 2)  ⇒  1
$round(0.5)  ⇒  0
$round(1.5)  ⇒  2
$round(-1.5)  ⇒  -2
$round(2.345, 2)  ⇒  2.34
$formatNumber(1234567.891, "#,##0.0#")  ⇒  "1,234,567.89"
$formatNumber(-1.5, "0.00;(0.00)")  ⇒  "(1.50)"
$formatNumber(5, "00")  ⇒  "05"
$formatNumber(12, "#0‰")  ⇒  "12000‰"
$formatBase(-10, 2)  ⇒  "-1010"
$formatBase(3.7)  ⇒  "4"
$formatInteger(5, "W")  ⇒  "FIVE"
$formatInteger(21, "Ww;o")  ⇒  "Twenty-First"
$formatInteger(3, "a")  ⇒  "c"
$formatInteger(1234567, "#,##0")  ⇒  "1,234,567"
$parseInteger("MCMXCIX", "I")  ⇒  1999
$parseInteger("twenty-one", "w")  ⇒  21
$pad("abc", 2)  ⇒  "abc"
$pad("", 3, "é")  ⇒  "ééé"
$substring("hello", 0, -1)  ⇒  ""
$substring("hello", 1, 0)  ⇒  ""
$substring("😀ab", 1)  ⇒  "ab"
$length("😀")  ⇒  1
$trim("")  ⇒  ""
$uppercase(body.missing)  ⇒  nothing
$contains("a", "")  ⇒  true
$replace("abc", "", "x")  ⇒  refused
$replace("a.b", ".", "-")  ⇒  "a-b"
$replace("abc", /(a)(b)?(x)?/, "$3-$1")  ⇒  "-ac"
$replace("abc", /b/, "$")  ⇒  "a$c"
$replace("abc", /b/, "$x")  ⇒  "a$xc"
$replace("abcabc", "b", "$0")  ⇒  "a$0ca$0c"
$match("a1b22", /\d+/).match  ⇒  ["1", "22"]
$match("a1b22", /(\d)(\d)?/).groups  ⇒  ["1", null, "2", "2"]
$zip([1,2],[3])  ⇒  [[1, 3]]
$zip()  ⇒  refused
$reverse([])  ⇒  []
$reverse("a")  ⇒  ["a"]
$sort([])  ⇒  []
$sort(["a", 1])  ⇒  refused
$sort([true, false])  ⇒  refused
$distinct("a")  ⇒  "a"
$append([], [])  ⇒  []
$append([], 1)  ⇒  [1]
$append(body.missing, 1)  ⇒  1
$append([1], [[2]])  ⇒  [1, [2]]
$sift(body, function($v, $k) {$k = "quantity"})  ⇒  {"quantity": 3}
$single([1], function($v) {$v = 2})  ⇒  refused
$eval("1 +")  ⇒  refused
$error("x")  ⇒  refused
$encodeUrlComponent("é/")  ⇒  "%C3%A9%2F"
$decodeUrlComponent("%C3%A9")  ⇒  "é"
($a := 1; ($a := 2; $a); $a)  ⇒  1
($f := function($x) {$x}; $f())  ⇒  nothing
($f := function($x, $y) {$y}; $f(1, 2, 3))  ⇒  2
function($x) {$x * 2}(3)  ⇒  6
$type(function($x) {$x})  ⇒  "function"
$type(/a/)  ⇒  "function"
"x" & function($x) {$x}  ⇒  "x"
{"a": body.missing}  ⇒  {}
{"a": [body.missing]}  ⇒  {"a": []}
{"a": null}  ⇒  {"a": null}
{body.missing: 1}  ⇒  {}
[null]  ⇒  [null]
[null, null]  ⇒  [null, null]
[[]]  ⇒  [[]]
[]  ⇒  []
{}  ⇒  {}
[[[1]]]  ⇒  [[[1]]]
body.items.tags[[0..1]]  ⇒  ["x", "y", "y", "x"]
body.list[$ = null]  ⇒  null
body.list[[1]]  ⇒  [2, 3]
body.matrix[[0]]  ⇒  [1, 2]
body.matrix.$sum($)  ⇒  [3, 7]
body.*[0]  ⇒  3
**.sku  ⇒  ["A", "B", "C"]
*  ⇒  {"quantity": 3, "customer": {"name": "Zoë", "vip": true}, "items": [{"sku": "A", "price": 12.5, "quantity": 1, "tags": ["x", "y"]}, {"sku": "B", "price": 8, "quantity": 2, "tags": ["y"]}, {"sku": "C", "price": 20, "quantity": 3, "tags": ["x"]}], "single": {"name": "one"}, "odd name": 1, "nested": {"deep": {"er": "found"}}, "none": null, "list": [1, [2, 3], null], "matrix": [[1, 2], [3, 4]]}
body.customer.(name)  ⇒  "Zoë"
body.customer.(name; vip)  ⇒  true
body.customer ~> $keys  ⇒  ["name", "vip"]
body.items ~> $map(function($i) {$i.sku})  ⇒  ["A", "B", "C"]
body.items ~> |$[sku="A"]|{"x": 1}|  ⇒  [{"sku": "A", "price": 12.5, "quantity": 1, "tags": ["x", "y"], "x": 1}, {"sku": "B", "price": 8, "quantity": 2, "tags": ["y"]}, {"sku": "C", "price": 20, "quantity": 3, "tags": ["x"]}]
{"a": {"b": 1}} ~> |a|{"b": b + 1}|  ⇒  {"a": {"b": 2}}
{"a": [1, 2]} ~> |a|{}|  ⇒  {"a": [1, 2]}
$ ~> |body|{}, ["items", "list"]|  ⇒  {"body": {"quantity": 3, "customer": {"name": "Zoë", "vip": true}, "single": {"name": "one"}, "odd name": 1, "nested": {"deep": {"er": "found"}}, "none": null, "matrix": [[1, 2], [3, 4]]}}
"a" and "b" or "c"  ⇒  true
1 < 2 and 2 < 3  ⇒  true
1 = 1 = true  ⇒  true
not true  ⇒  refused
true and not_there  ⇒  false
$string(true) & 1 = "true1"  ⇒  true
"\u00e9" = "é"  ⇒  true
'single' = "single"  ⇒  true
"a\"b"  ⇒  "a\"b"
$map(body.list, function($v) {$v})  ⇒  [1, [2, 3], null]
body.list.{"v": $}  ⇒  [{"v": 1}, {"v": [2, 3]}, {"v": null}]
body.list.[$]  ⇒  [[1], [2, 3], [null]]
$count(body.list[$ = null])  ⇒  1
$each(body, function($v, $k) {$v = null ? $k})  ⇒  "none"
$each({"a": null, "b": 1}, function($v, $k) {{$k: $v}}) ~> $merge  ⇒  {"a": null, "b": 1}
$reduce(body.list, function($a, $b) {$append($a, $b)})  ⇒  [1, 2, 3, null]
$sift(body, function($v) {$v = null})  ⇒  {"none": null}
$filter(body.list, function($v) {$v != 2})  ⇒  [1, [2, 3], null]
$filter(body.list, function($v) {$type($v) = "null"})  ⇒  null
(function($v) {$exists($v)})(body.none)  ⇒  true
(function($v) {$type($v)})(body.none)  ⇒  "null"
($x := body.none; $x)  ⇒  null
($x := body.none; $x = null)  ⇒  true
body.none ? 1 : 2  ⇒  2
body.none ?: "x"  ⇒  "x"
body.none ?? "x"  ⇒  null
body.none.x  ⇒  nothing
body.none[0]  ⇒  null
body.none[]  ⇒  [null]
[body.none]  ⇒  [null]
[body.none, body.missing]  ⇒  [null]
{"a": body.none}  ⇒  {"a": null}
body{"k": none}  ⇒  {"k": null}
body.*[$ = null]  ⇒  [null, null]
body.**[$ = null]  ⇒  [null, null]
body.list ~> $reverse  ⇒  [null, [2, 3], 1]
body.list ~> $append(null)  ⇒  [1, [2, 3], null, null]
$distinct(body.list)  ⇒  [1, [2, 3], null]
$string(body.list)  ⇒  "[1,[2,3],null]"
$lookup(body, "none")  ⇒  null
$merge([body.customer, {"x": body.none}])  ⇒  {"name": "Zoë", "vip": true, "x": null}
$spread({"x": body.none})  ⇒  {"x": null}
$zip(body.list, body.list)  ⇒  [[1, 1], [[2, 3], [2, 3]], [null, null]]
body ~> |list|{}| ~> $lookup("none")  ⇒  null
body ~> |$|{"n": none}, ["items", "list", "matrix"]|  ⇒  {"quantity": 3, "customer": {"name": "Zoë", "vip": true}, "single": {"name": "one"}, "odd name": 1, "nested": {"deep": {"er": "found"}}, "none": null, "n": null}
body ~> |$[none = null]|{"seen": 1}| ~> $lookup("seen")  ⇒  1
$clone(body.list)  ⇒  [1, [2, 3], null]
$clone(null)  ⇒  refused
$length(null)  ⇒  refused
$keys(null)  ⇒  nothing
$exists(null)  ⇒  true
$boolean([body.none, 1])  ⇒  true
$join([null])  ⇒  refused
$eval("[null, none]", body)  ⇒  [null, null]
$map(body.list, function($v, $i) {$v = null ? $i : $v})  ⇒  [1, [2, 3], 2]
body.list#$i[$ = null].$i  ⇒  2
body.list@$x.{"x": $x}  ⇒  [{"x": 1}, {"x": [2, 3]}, {"x": null}]
$single(body.list, function($v) {$v = null})  ⇒  null
$boolean(body.none)  ⇒  false
$not(body.none)  ⇒  true
null in body.list  ⇒  true
$uppercase(body.none)  ⇒  refused
$sum(body.none)  ⇒  refused
body.list^($type($))  ⇒  [[2, 3], null, 1]
$count(body.none)  ⇒  1
$append(body.none, body.none)  ⇒  [null, null]
$map([null, 1], function($v) {$v})  ⇒  [null, 1]
null  ⇒  null
"""
REFUSED = "refused"
NOTHING = "nothing"  # undefined, which becomes nothing outside of an expression


def written(value):
    return write(value, other=lambda odd: pytest.fail(f"{odd!r} is no JSON"), number=scripted)


@pytest.mark.parametrize("row", ROWS.strip().splitlines())
def test_an_expression_gives_what_jsonata_gives(row):
    source, _, value = row.partition("  ⇒  ")
    if value == REFUSED:
        with pytest.raises((InvalidRequest, ExpressionFailed)):
            Expression(source, "filter.where").evaluate(read(SHOP), {})
        return
    found = Expression(source, "filter.where").evaluate(read(SHOP), {})
    # Outside of an expression nothing is null, too: only inside of one they can be told apart.
    assert Expression(f"$exists(({source}))", "filter.where").evaluate(read(SHOP), {}) is (value != NOTHING)
    if value == NOTHING:
        assert found is None
    else:
        assert same(json.loads(written(found)), json.loads(value)), written(found)


def test_the_table_is_as_long_as_it_says():
    rows = ROWS.strip().splitlines()
    assert len(set(rows)) == len(rows) >= 480
