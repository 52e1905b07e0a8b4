-- The shapes of DuckDB's own tests of GROUP BY, HAVING, FILTER, quantiles and small aggregates.

-- answered
SELECT b.open, SUM(b.days) AS s, SUM(b.balance) AS t, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.open ORDER BY b.open;

-- answered
SELECT SUM(b.days) AS s, b.open, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY open ORDER BY b.open DESC;

-- answered
SELECT r.capital + 1 AS k, SUM(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY k ORDER BY k;

-- answered
SELECT r.capital - 1.5 AS k, COUNT(*) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY 1 ORDER BY 1;

-- answered
SELECT r.capital AS k, r.capital * 2 AS l, COUNT(*) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.capital, r.capital * 2 ORDER BY 1;

-- answered
SELECT CASE WHEN r.capital > 1 THEN 'hi' ELSE 'lo' END AS k, b.class, SUM(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY k, b.class;

SELECT b.days % 3 AS f, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY f;

SELECT b.class, FIRST(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, LAST(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, LIST(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, ARG_MIN(b.days, b.balance) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, APPROX_COUNT_DISTINCT(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, PRODUCT(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, SUM(b.days) FILTER (b.open) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, KURTOSIS(b.days) AS f, SKEWNESS(b.days) AS g FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, ENTROPY(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, FAVG(b.days) AS f, FSUM(b.days) AS g FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, HISTOGRAM(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, MAD(b.days) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, COUNT_IF(b.open) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT b.class, SUM(CASE WHEN b.open THEN 1 ELSE 0 END) AS f FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT r.capital, MEDIAN(r.capital) AS m, QUANTILE_DISC(r.capital, 0.25) AS q FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.capital;

-- answered
SELECT MEDIAN(b.days) AS m, MEDIAN(b.balance) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT QUANTILE_CONT(b.days, [0.25, 0.5]) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT QUANTILE_CONT(b.days, -0.5) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT QUANTILE_CONT(b.days, 1.1) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT QUANTILE_CONT(b.days, NULL) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT QUANTILE_CONT(b.days, b.balance) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT QUANTILE_DISC(b.days, 0) AS a, QUANTILE_DISC(b.days, 1) AS c, QUANTILE_CONT(b.days, 1.0) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT MEDIAN(b.class) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT MEDIAN(DISTINCT b.days) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT COUNT(*) AS n, COUNT(b.balance) AS m, SUM(b.balance) AS s, AVG(b.balance) AS a, VAR_SAMP(b.balance) AS v FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days > 100000;

-- answered
SELECT b.class, COUNT(*) AS n, SUM(b.balance) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days > 100000 GROUP BY b.class;

-- answered
SELECT b.class, VAR_SAMP(b.days) AS v, STDDEV_SAMP(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class HAVING VAR_SAMP(b.days) IS NOT NULL;

-- answered
SELECT b.days, VAR_POP(b.balance) AS v, VAR_SAMP(b.balance) AS w FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.days;

-- answered
SELECT b.since, b.days, b.class, b.open, r.industry, r.capital, r.listed, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.since, b.days, b.class, b.open, r.industry, r.capital, r.listed;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT SUM(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class, r.industry HAVING SUM(b.days) > 100;

SELECT b.class AS c, c AS d, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class AS c, COUNT(*) AS c FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT b.class AS c, b.class AS d, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT b.class AS c, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class, b.class;

-- answered
SELECT b.class AS days, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY b.class;

SELECT b.class AS days, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY days;

SELECT ALL b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY ALL ORDER BY ALL;

SELECT COLUMNS(*) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT * EXCLUDE (uscc) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT(COLUMNS(*)) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

FROM bank.loans SELECT class;

FROM bank.loans;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) USING SAMPLE 10%;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) QUALIFY COUNT(*) > 1;

PIVOT bank.loans ON class USING SUM(days);

SELECT {'a': b.days} AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT [b.days] AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT MAP {'a': b.days} AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT b.class[1] AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

SELECT b.class[1:2] AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

-- answered
SELECT LEFT(b.class, 1) AS s, RIGHT(b.class, 1) AS e, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s, e;

SELECT LEFT(b.class, -1) AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

SELECT SUBSTR(b.class, 0, 2) AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

SELECT SUBSTR(b.class, b.days, 2) AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

-- answered
SELECT SUBSTR(b.class, 2) AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

-- answered
SELECT SUBSTR(b.class, 1, 60) AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

SELECT LENGTH(b.class) AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

SELECT b.class || r.industry AS s, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY s;

-- answered
SELECT SUM(LEAST(b.days, 100)) AS a, SUM(GREATEST(b.days, 100)) AS c, SUM(LEAST(b.balance, b.days, 3)) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(ABS(b.days - 200)) AS a, AVG(ABS(b.balance)) AS c FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(b.huge) AS h, AVG(b.huge) AS a, MIN(b.huge) AS l FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(b.huge - 0.5) AS h FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.huge * 99999999999) AS h FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT VAR_POP(b.huge * 9999) AS h FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days * b.days) AS h FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(POWER(b.days, 2)) AS h FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT MIN(r.capital) AS a, MAX(r.capital) AS c, MAX(r.capital) - MIN(r.capital) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT COUNT(DISTINCT b.uscc) AS n, COUNT(DISTINCT uscc) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT(DISTINCT b.uscc, b.days) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT b.uscc, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.uscc;

SELECT uscc, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY uscc;

SELECT COUNT(b.uscc) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT MIN(b.uscc) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.uscc > '9';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE LEFT(b.uscc, 2) = '91';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.uscc IS NOT NULL;

-- answered
SELECT t.grade, COUNT(*) AS n, SUM(t.vat) AS v, AVG(t.late) AS l FROM bank.loans AS b JOIN (SELECT uscc, SUM(vat) AS vat, SUM(late) AS late, MAX(grade) AS grade FROM tax.returns GROUP BY uscc) AS t USING (uscc) GROUP BY t.grade;

-- answered
SELECT b.class, SUM(t.vat) AS v, COUNT(t.late) AS l, COUNT(*) AS n, COUNT(DISTINCT b.uscc) AS k FROM bank.loans AS b JOIN tax.returns AS t USING (uscc) WHERE t.grade = 'A' OR t.late > 5 GROUP BY b.class;

SELECT t.grade, COUNT(*) AS n FROM bank.loans AS b JOIN tax.returns AS t USING (uscc) GROUP BY t.grade;

SELECT SUM(b.balance) AS s FROM bank.loans AS b JOIN tax.returns AS t USING (uscc);

SELECT MEDIAN(t.late) AS s FROM bank.loans AS b JOIN tax.returns AS t USING (uscc);

SELECT VAR_POP(t.late) AS s FROM bank.loans AS b JOIN tax.returns AS t USING (uscc);

-- answered
SELECT SUM(t.vat) / COUNT(*) AS per_row, SUM(t.vat) / COUNT(DISTINCT b.uscc) AS per_firm FROM bank.loans AS b JOIN tax.returns AS t USING (uscc);

SELECT COUNT(*) AS n FROM tax.returns AS t JOIN power.meters AS p USING (uscc);

-- answered
SELECT b.class, SUM(p.kwh) AS k, SUM(t.vat) AS v FROM bank.loans AS b JOIN (SELECT uscc, SUM(kwh) AS kwh FROM power.meters WHERE period BETWEEN 202501 AND 202503 GROUP BY uscc) AS p USING (uscc) JOIN (SELECT uscc, SUM(vat) AS vat FROM tax.returns WHERE period BETWEEN 202501 AND 202503 GROUP BY uscc) AS t USING (uscc) GROUP BY b.class;

SELECT SUM(t.avg_vat) AS s FROM bank.loans AS b JOIN (SELECT uscc, AVG(vat) AS avg_vat FROM tax.returns GROUP BY uscc) AS t USING (uscc);

SELECT SUM(t.v) AS s FROM bank.loans AS b JOIN (SELECT uscc, SUM(vat) AS v FROM tax.returns GROUP BY uscc HAVING COUNT(*) > 2) AS t USING (uscc);

SELECT SUM(t.v) AS s FROM bank.loans AS b JOIN (SELECT uscc, vat AS v FROM tax.returns ORDER BY vat LIMIT 3) AS t USING (uscc);

SELECT SUM(t.v) AS s FROM bank.loans AS b JOIN (SELECT DISTINCT uscc, late AS v FROM tax.returns) AS t USING (uscc);

-- answered
SELECT SUM(t.lo) AS s, SUM(t.hi) AS h, SUM(t.n) AS n FROM bank.loans AS b JOIN (SELECT uscc, MIN(vat) AS lo, MAX(vat) AS hi, COUNT(late) AS n FROM tax.returns GROUP BY uscc) AS t USING (uscc);

-- answered
SELECT t.g, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT uscc, MIN(grade) AS g FROM tax.returns WHERE late IN (1, 2, 3) OR grade LIKE 'M%' GROUP BY uscc) AS t USING (uscc) GROUP BY t.g;
