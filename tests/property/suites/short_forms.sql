-- Short forms, and what is computed of sums, as analysts write them in any system.

-- answered
SELECT b.class, COUNT(*) FILTER (WHERE b.open) AS n, SUM(b.balance) FILTER (WHERE b.days > 100) AS s, AVG(b.days) FILTER (b.open) AS a FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT r.listed, SUM(2.5) FILTER (WHERE b.open) AS s, AVG(7) FILTER (WHERE b.days > 100) AS a, COUNT('x') FILTER (WHERE b.open) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.listed;

-- answered
SELECT r.listed, COUNT(b.balance) FILTER (WHERE NOT b.open) AS n, VAR_POP(b.days) FILTER (WHERE b.class = '正常') AS v FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.listed;

-- answered
SELECT b.class, ROUND(100.0 * COUNT(*) FILTER (WHERE b.days > 90) / NULLIF(COUNT(*), 0), 2) AS overdue FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY ALL ORDER BY b.class;

-- answered
SELECT b.class, COUNT(*) FILTER (WHERE b.balance > 0) AS n, SUM(IF(b.open, b.balance, 0)) AS s, SUM(IF(b.open, b.days)) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT IF(b.days > 100, 'late', IF(b.days > 30, 'soon', 'no')) AS how, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY how ORDER BY n DESC, how;

-- answered
SELECT YEAR(b.since) AS y, r.industry, COUNT(*) AS n, SUM(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY ALL;

-- answered
SELECT COUNT(*) AS n, SUM(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY ALL;

-- answered
SELECT r.listed, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY b.days) AS m, PERCENTILE_DISC(0.25) WITHIN GROUP (ORDER BY b.days) FILTER (WHERE b.open) AS q FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.listed;

-- answered
SELECT b.class, COUNT(*) AS n, SUM(m.late) AS s FROM bank.loans b INNER JOIN tax.marks m ON b.uscc = m.uscc GROUP BY b.class;

-- answered
SELECT t.period, SUM(t.vat) AS v, SUM(p.kwh) AS k FROM tax.returns AS t JOIN (SELECT uscc, period, SUM(kwh) AS kwh FROM power.meters GROUP BY uscc, period) AS p ON (t.period = p.period AND p.uscc = t.uscc) GROUP BY t.period;

-- answered
SELECT COUNT(*) AS n FROM bank.loans JOIN tax.marks ON bank.loans.uscc = tax.marks.uscc JOIN power.meters ON meters.uscc = loans.uscc;

-- answered
WITH t AS (SELECT uscc, SUM(vat) AS vat, COUNT(*) FILTER (WHERE late > 3) AS late FROM tax.returns WHERE period < 202504 GROUP BY uscc), r AS (SELECT code AS uscc, industry FROM registry.firms) SELECT r.industry, SUM(x.vat) AS v, SUM(x.late) AS l FROM r JOIN t AS x USING (uscc) JOIN bank.loans AS b ON b.uscc = x.uscc WHERE b.days > 0 GROUP BY r.industry;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since > '2021-01-31'::DATE;

-- answered
SELECT b.class, COALESCE(SUM(b.balance), 0) / NULLIF(COUNT(b.balance), 0) AS mean, ABS(SUM(b.days) - SUM(r.capital)) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT NULLIF(b.since, '2020-02-29') AS d, NULLIF(b.open, TRUE) AS o, NULLIF(b.days, 7) AS k, CASE b.since WHEN '2020-02-29' THEN 1 ELSE 0 END AS c, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.since, b.open, b.days;

-- answered
SELECT b.class, CASE WHEN COUNT(*) > 9 THEN 'many' WHEN COUNT(*) > 4 THEN b.class ELSE NULL END AS size, CASE COUNT(*) WHEN 1 THEN SUM(b.days) ELSE -0.5 END AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class HAVING COALESCE(SUM(b.balance), 0) > -100000 ORDER BY CASE WHEN b.class = '正常' THEN 0 ELSE 1 END, COALESCE(b.class, '');

SELECT COUNT(DISTINCT uscc) FILTER (WHERE b.open) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) FILTER (WHERE r.listed) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT ROUND(SUM(b.days), 1) FILTER (WHERE b.open) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT(*) AS n FROM bank.loans b JOIN tax.marks m ON b.uscc = m.uscc AND m.mark = 'P';

SELECT COUNT(*) AS n FROM bank.loans b JOIN tax.marks m ON b.uscc = b.uscc;

SELECT COUNT(*) AS n FROM bank.loans b JOIN registry.firms r ON b.uscc = r.code;

WITH t AS (SELECT uscc FROM tax.marks) SELECT COUNT(*) AS n FROM t JOIN t AS u USING (uscc);

WITH t AS (SELECT uscc FROM tax.marks) SELECT COUNT(*) AS n FROM bank.loans JOIN tax.marks USING (uscc);

WITH RECURSIVE t AS (SELECT uscc FROM tax.marks) SELECT COUNT(*) AS n FROM bank.loans JOIN t USING (uscc);

SELECT CASE WHEN COUNT(*) > 1 THEN 'a' ELSE 1 END AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COALESCE(SUM(b.days), 'none') AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);
