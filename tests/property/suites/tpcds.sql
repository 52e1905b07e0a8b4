-- In the shapes of TPC-DS's queries over three channels of sales (query71, query33, query56, query60,
-- query5, query76, query2, query75, query80: UNION ALL in a bracket), and of SCQL's tests of UNION.

-- answered
SELECT moy, SUM(ext_price) AS ext_price, COUNT(*) AS n FROM (
    SELECT MONTH(since) AS moy, balance AS ext_price FROM bank.loans WHERE open
    UNION ALL SELECT MONTH(period) AS moy, vat AS ext_price FROM tax.returns WHERE late IS NOT NULL
    UNION ALL SELECT MONTH(period) AS moy, kwh AS ext_price FROM power.meters WHERE free > -5.5) AS tmp
GROUP BY moy ORDER BY ext_price DESC, moy;

-- answered
SELECT q, SUM(total_sales) AS total_sales FROM (
    SELECT QUARTER(since) AS q, balance AS total_sales FROM bank.loans
    UNION ALL SELECT QUARTER(period) AS q, vat AS total_sales FROM tax.returns
    UNION ALL SELECT QUARTER(period) AS q, kwh * 0.5 AS total_sales FROM power.meters) AS tmp1
GROUP BY q ORDER BY total_sales LIMIT 100;

-- answered
SELECT COUNT(*) AS sales_cnt, COUNT(x) AS known, AVG(x) AS mean, SUM(x) / COUNT(*) AS each_one FROM (
    SELECT days AS x FROM bank.loans UNION ALL SELECT late AS x FROM tax.returns
    UNION ALL SELECT kwh AS x FROM power.meters) AS foo;

SELECT m, SUM(CASE WHEN m = 1 THEN x ELSE 0 END) AS jan, SUM(CASE WHEN m <> 1 THEN x END) AS later,
       ROUND(SUM(x) / NULLIF(COUNT(x), 0), 2) AS r
FROM (SELECT MONTH(since) AS m, days AS x FROM bank.loans UNION ALL
      SELECT MONTH(period) AS m, late AS x FROM tax.returns UNION ALL
      SELECT MONTH(period) AS m, free AS x FROM power.meters) GROUP BY m HAVING COUNT(*) > 1;

-- answered
SELECT m, SUM(CASE WHEN m = 1 THEN x ELSE 0 END) AS jan, ROUND(SUM(x) / COUNT(x), 2) AS r
FROM (SELECT MONTH(since) AS m, days AS x FROM bank.loans UNION ALL
      SELECT MONTH(period) AS m, late AS x FROM tax.returns UNION ALL
      SELECT MONTH(period) AS m, kwh AS x FROM power.meters) GROUP BY m HAVING COUNT(*) > 1 ORDER BY 1;

-- answered
SELECT size, COUNT(*) AS n, STDDEV_SAMP(x) AS deviation, VAR_POP(x) AS variance FROM (
    SELECT CASE WHEN days > 100 THEN 'large' ELSE 'small' END AS size, balance AS x FROM bank.loans
    UNION ALL SELECT CASE WHEN vat > 1000000 THEN 'large' ELSE 'small' END AS size, late AS x FROM tax.returns
    UNION ALL SELECT CASE WHEN kwh > 500.5 THEN 'large' END AS size, kwh AS x FROM power.meters)
GROUP BY size HAVING STDDEV_SAMP(x) > 0 OR size = 'small' ORDER BY size NULLS FIRST;

-- answered
SELECT MEDIAN(x) AS middle, MIN(x) AS lowest, MAX(x) AS highest FROM (
    SELECT days AS x FROM bank.loans UNION ALL SELECT late AS x FROM tax.returns UNION ALL
    SELECT CASE WHEN listed THEN 1 ELSE 2 END AS x FROM registry.firms) WHERE x < 300;

SELECT moy, x FROM (SELECT MONTH(since) AS moy, days AS x FROM bank.loans UNION ALL
    SELECT MONTH(period) AS moy, late AS x FROM tax.returns UNION ALL
    SELECT MONTH(period) AS moy, free AS x FROM power.meters) GROUP BY moy, x;

SELECT channel, SUM(x) AS s FROM (SELECT 'store' AS channel, balance AS x FROM bank.loans UNION ALL
    SELECT 'web' AS channel, vat AS x FROM tax.returns UNION ALL
    SELECT 'catalog' AS channel, kwh AS x FROM power.meters) GROUP BY channel;

SELECT channel, SUM(x) AS s FROM (SELECT class AS channel, balance AS x FROM bank.loans UNION ALL
    SELECT grade AS channel, vat AS x FROM tax.returns UNION ALL
    SELECT industry AS channel, capital AS x FROM registry.firms) GROUP BY ROLLUP (channel);

SELECT channel, SUM(x) AS s FROM (SELECT class AS channel, balance AS x FROM bank.loans UNION ALL
    SELECT grade AS channel, vat AS x FROM tax.returns UNION ALL
    SELECT industry AS channel, capital AS x FROM registry.firms) GROUP BY channel;

SELECT COUNT(DISTINCT uscc) AS n FROM (SELECT uscc FROM bank.loans UNION ALL
    SELECT uscc FROM tax.returns UNION ALL SELECT uscc FROM power.meters);

SELECT COUNT(DISTINCT x) AS n FROM (SELECT days AS x FROM bank.loans UNION ALL
    SELECT late AS x FROM tax.returns UNION ALL SELECT kwh AS x FROM power.meters);

SELECT SUM(x) AS s FROM (SELECT days AS x FROM bank.loans UNION
    SELECT late AS x FROM tax.returns UNION SELECT kwh AS x FROM power.meters);

SELECT SUM(x * y) AS s FROM (SELECT days AS x, days AS y FROM bank.loans UNION ALL
    SELECT late AS x, late AS y FROM tax.returns UNION ALL SELECT kwh AS x, kwh AS y FROM power.meters);

SELECT x FROM (SELECT days AS x FROM bank.loans UNION ALL SELECT late AS x FROM tax.returns UNION ALL
    SELECT kwh AS x FROM power.meters) ORDER BY x;

SELECT AVG(SUM(x)) AS s FROM (SELECT days AS x FROM bank.loans UNION ALL
    SELECT late AS x FROM tax.returns UNION ALL SELECT kwh AS x FROM power.meters);

SELECT SUM(x) OVER () AS s FROM (SELECT days AS x FROM bank.loans UNION ALL
    SELECT late AS x FROM tax.returns UNION ALL SELECT kwh AS x FROM power.meters);

SELECT a.x FROM (SELECT SUM(days) AS x FROM bank.loans UNION ALL SELECT SUM(late) AS x FROM tax.returns
    UNION ALL SELECT SUM(kwh) AS x FROM power.meters) AS a;

SELECT SUM(x) AS s FROM (SELECT free AS x FROM power.meters UNION ALL SELECT late AS x FROM tax.returns
    UNION ALL SELECT days AS x FROM bank.loans);

SELECT COUNT(*) AS n FROM (SELECT days AS x FROM bank.loans LIMIT 5 UNION ALL
    SELECT late AS x FROM tax.returns UNION ALL SELECT kwh AS x FROM power.meters);
