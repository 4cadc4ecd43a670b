// Every word of the page, in both languages. `word(key, values)` fills {name}.
'use strict';

const WORDS = {
  en: {
    other: '中文', skip: 'Skip to live calls', tenant: 'Tenant', theme: 'Light or dark', leave: 'Log out', overview: 'Overview',
    loginTitle: 'Log in', loginText: 'With the token that the host printed when it started, or one from your administrator.',
    token: 'Token', enter: 'Log in', wrongToken: 'This token is not one of this host’s.', unreachable: 'The host does not answer.',
    live: 'Live', connecting: 'Connecting …', reconnecting: 'Connection lost, trying again …',
    sumCalls: 'live calls', sumWaiting: 'waiting', sumLongest: 'longest wait', sumReady: 'agents ready', sumBusy: 'agents on calls',
    queues: 'Queues', agents: 'Agents', calls: 'Live calls', records: 'Latest calls', ladder: 'What happens', self: 'Call it yourself',
    queueWaiting: '{n} waiting', queueBelow: '{ready} ready · {talking} talking · {staffed} logged in',
    queueToday: 'today {answered} of {offered} answered · wait {wait} · in time {level}',
    caller: 'Caller', dialled: 'Dialled', stage: 'Stage', with: 'Queue, agent', lasts: 'Time', hangUp: 'Hang up', sure: 'Hang up?',
    noCalls: 'No calls just now.', when: 'When', outcome: 'Outcome', waited: 'Waited', length: 'Length', play: 'Play', noRecords: 'No calls yet.',
    withheld: 'withheld', recorded: 'being recorded', position: 'place {n}', interaction: 'call {n}',
    answeredBy: 'by {agent}', answered: 'answered', abandoned: 'hung up waiting', voicemail: 'voicemail', unanswered: 'not answered',
    playing: 'Call {n} from {from}',
    selfText: 'Register a SIP phone as one of the agents, then dial one of the numbers.',
    server: 'Server', account: 'Account', password: 'Password', passwordHint: 'the agent’s own, from the tenant’s agents file', dial: 'Dial',
    toFlow: 'flow {name}', toQueue: 'queue {name}', toAgent: 'agent {name}', extension: 'agent {name}',
    laneCaller: 'Caller', laneAgent: 'Agent', noLadder: 'Choose a call to see its steps.', goneLadder: 'The steps of this call are no longer at hand.',
    alarms: {
      'answers-lost': 'Answers lost', 'certificates-not-read': 'Certificates not read', 'channel-failing': 'Channel failing',
      'channel-not-ready': 'Channel not ready', compliance: 'Compliance', 'connector-dead-letter': 'Given up telling',
      'connector-failing': 'Connector failing', 'connector-not-ready': 'Connector not ready', 'disk-behind': 'Disk stands still',
      'disk-full': 'Disk full', 'event-not-kept': 'Event not kept', 'events-lost': 'Events lost', exchange: 'Tenant',
      'few-files': 'Few files may be open', 'flow-failed': 'Flow failed', 'media-events-lost': 'Media events lost',
      'message-failed': 'Message not sent', outbox: 'Outbox', 'pack-not-loaded': 'Pack not loaded', 'pack-not-trusted': 'Pack not trusted',
      'pack-rolled-back': 'Pack went back', 'plugin-failed': 'Plugin failed', 'plugin-quarantined': 'Plugin not asked',
      'recording-failed': 'Recording failed', 'recordings-stopped': 'Recordings stopped', 'store-failed': 'Store failed', 'store-slow': 'Store slow',
      'supervisor-called': 'Supervisor called', 'tenant-not-applied': 'Tenant not applied', 'trust-not-read': 'Trusted keys not read',
    },
    connectors: 'Connectors', connector: 'Connector', circuit: 'State', failedOf: 'Failed / min', took: 'p50 · p99', untold: 'Not told yet', ago: '{t} ago',
    ofAsked: '{failed} of {asked}', dead: '{n} given up',
    circuits: { well: 'well', failing: 'failing', open: 'not asked until {until}', 'not-ready': 'not ready' },
    stages: { offered: 'arriving', ivr: 'in the menu', waiting: 'waiting', ringing: 'ringing', talking: 'talking', held: 'on hold', consulting: 'consulting' },
    states: { 'logged-out': 'logged out', 'not-ready': 'not ready', ready: 'ready', reserved: 'reserved', ringing: 'ringing', talking: 'talking', held: 'on hold', consulting: 'consulting', 'wrap-up': 'wrap-up', unreachable: 'phone gone' },
    e: {
      offered: 'calls {to}', ring: 'rings {party}', ringing: 'ringing', answers: 'answers', pickedUp: 'picked up', hangsUp: 'hangs up', ended: 'ended', dialOutside: 'dials {party}',
      flowStarted: 'flow {flow}', visited: '{node} → {exit}', at: '{node}', flowEnded: 'flow ends', flowFailed: 'flow failed: {reason}', pluginFailed: '{plugin} failed, default used', promptFailed: 'prompt {prompt} failed',
      tagged: '{name} = {value}', queued: 'waits in {queue}, place {position}', left: 'leaves {queue}: {exit}', reserved: '{agent} reserved, {ms} ms after free', released: '{agent} released: {reason}',
      connected: 'talk', disconnected: '{agent} leaves', held: 'on hold', resumed: 'off hold', consult: 'consults {target}', consultEnded: 'consultation ends', transferred: 'transferred to {target}',
      replaced: '{agent} goes on at another phone', routed: 'by trunk {trunk}, {peer}',
      wrapUp: '{agent} wraps up', wrapUpEnded: 'wrap-up ends', disposition: 'disposition {code}', recording: 'recording starts', paused: 'recording paused', goesOn: 'recording goes on',
      recorded: 'recording closed, {s} s', recordingFailed: 'recording failed: {reason}', closed: 'call over', interrupted: 'cut off by the end of the program',
    },
    exits: { connected: 'connected', abandoned: 'hung up', 'timed-out': 'timed out', 'exit-key': 'key pressed', full: 'full', 'no-agents': 'no agents', moved: 'moved on', closed: 'closed' },
    reasons: { missed: 'no answer', rejected: 'rejected', 'caller-left': 'caller left', 'device-failed': 'phone failed', 'lease-expired': 'lease expired', moved: 'moved on' },
  },
  'zh-CN': {
    other: 'English', skip: '跳到实时通话', tenant: '租户', theme: '浅色或深色', leave: '退出', overview: '概览',
    loginTitle: '登录', loginText: '请输入主机启动时显示的令牌，或向管理员索取。',
    token: '令牌', enter: '登录', wrongToken: '令牌不正确。', unreachable: '主机没有响应。',
    live: '实时', connecting: '正在连接…', reconnecting: '连接已断开，正在重试…',
    sumCalls: '当前通话', sumWaiting: '排队中', sumLongest: '最长等待', sumReady: '空闲座席', sumBusy: '通话座席',
    queues: '技能队列', agents: '座席', calls: '实时通话', records: '最近通话', ladder: '通话过程', self: '亲自拨打',
    queueWaiting: '{n} 人等待', queueBelow: '空闲 {ready} · 通话 {talking} · 签入 {staffed}',
    queueToday: '今日接通 {answered}/{offered} · 平均等待 {wait} · 服务水平 {level}',
    caller: '主叫', dialled: '被叫', stage: '阶段', with: '队列与座席', lasts: '时长', hangUp: '挂断', sure: '确认挂断？',
    noCalls: '当前没有通话。', when: '时间', outcome: '结果', waited: '等待', length: '时长', play: '播放', noRecords: '还没有通话记录。',
    withheld: '号码隐藏', recorded: '录音中', position: '第 {n} 位', interaction: '通话 {n}',
    answeredBy: '{agent} 接听', answered: '已接听', abandoned: '排队中挂断', voicemail: '留言', unanswered: '未接听',
    playing: '通话 {n}，来自 {from}',
    selfText: '用 SIP 话机注册为一位座席，然后拨打下面的号码。',
    server: '服务器', account: '账号', password: '密码', passwordHint: '该座席的密码，见租户的座席配置文件', dial: '拨打',
    toFlow: '流程 {name}', toQueue: '队列 {name}', toAgent: '座席 {name}', extension: '座席 {name}',
    laneCaller: '主叫', laneAgent: '座席', noLadder: '选择一个通话查看过程。', goneLadder: '此通话的过程已不在缓存中。',
    alarms: {
      'answers-lost': '插件应答丢失', 'certificates-not-read': '证书无法读取', 'channel-failing': '渠道异常', 'channel-not-ready': '渠道未就绪', compliance: '合规提醒',
      'connector-dead-letter': '通知已放弃', 'connector-failing': '连接器异常', 'connector-not-ready': '连接器未就绪', 'disk-behind': '磁盘停滞', 'disk-full': '磁盘已满',
      'event-not-kept': '事件未保存', 'events-lost': '事件丢失', exchange: '租户提醒', 'few-files': '可打开的文件过少', 'flow-failed': '流程故障',
      'media-events-lost': '媒体事件丢失', 'message-failed': '消息未发送', outbox: '发件箱故障', 'pack-not-loaded': '插件包未加载', 'pack-not-trusted': '插件包不受信任',
      'pack-rolled-back': '插件包已自动回退', 'plugin-failed': '插件故障', 'plugin-quarantined': '插件暂停使用', 'recording-failed': '录音失败',
      'recordings-stopped': '录音已停止', 'store-failed': '存储故障', 'store-slow': '存储缓慢', 'supervisor-called': '呼叫班长', 'tenant-not-applied': '租户配置未生效',
      'trust-not-read': '受信密钥无法读取',
    },
    connectors: '连接器', connector: '连接器', circuit: '状态', failedOf: '每分钟失败', took: 'p50 · p99', untold: '待通知', ago: '{t} 前',
    ofAsked: '{failed}/{asked}', dead: '放弃 {n}',
    circuits: { well: '正常', failing: '异常', open: '暂停至 {until}', 'not-ready': '未就绪' },
    stages: { offered: '呼入', ivr: '语音导航', waiting: '排队', ringing: '振铃', talking: '通话', held: '保持', consulting: '咨询' },
    states: { 'logged-out': '已签出', 'not-ready': '示忙', ready: '空闲', reserved: '已预留', ringing: '振铃', talking: '通话', held: '保持', consulting: '咨询', 'wrap-up': '话后处理', unreachable: '话机离线' },
    e: {
      offered: '呼叫 {to}', ring: '呼叫 {party}', ringing: '振铃', answers: '接听', pickedUp: '应答', hangsUp: '挂断', ended: '结束', dialOutside: '外呼 {party}',
      flowStarted: '流程 {flow}', visited: '{node} → {exit}', at: '{node}', flowEnded: '流程结束', flowFailed: '流程失败：{reason}', pluginFailed: '{plugin} 失败，使用默认处理', promptFailed: '提示音 {prompt} 失败',
      tagged: '{name} = {value}', queued: '进入 {queue}，第 {position} 位', left: '离开 {queue}：{exit}', reserved: '预留 {agent}，空闲后 {ms} 毫秒', released: '释放 {agent}：{reason}',
      connected: '通话', disconnected: '{agent} 离开', held: '保持', resumed: '恢复通话', consult: '咨询 {target}', consultEnded: '咨询结束', transferred: '转接到 {target}',
      replaced: '{agent} 换用另一部话机', routed: '经中继 {trunk}，{peer}',
      wrapUp: '{agent} 话后处理', wrapUpEnded: '话后处理结束', disposition: '小结 {code}', recording: '开始录音', paused: '录音暂停', goesOn: '录音继续',
      recorded: '录音完成，{s} 秒', recordingFailed: '录音失败：{reason}', closed: '通话结束', interrupted: '因程序退出而中断',
    },
    exits: { connected: '已接通', abandoned: '主叫挂断', 'timed-out': '超时', 'exit-key': '按键退出', full: '队列已满', 'no-agents': '无座席', moved: '已转走', closed: '已关闭' },
    reasons: { missed: '未应答', rejected: '拒接', 'caller-left': '主叫离开', 'device-failed': '话机故障', 'lease-expired': '预留超时', moved: '已转走' },
  },
};

const Language = {
  now: localStorage.getItem('plugboard.language') || (navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'),

  toggle() {
    this.now = this.now === 'en' ? 'zh-CN' : 'en';
    localStorage.setItem('plugboard.language', this.now);
  },
};

/** The word for `key` (`stages.ivr` reaches inside), or the last part of the key where there is none. */
function word(key, values = {}) {
  const found = key.split('.').reduce((words, part) => words && words[part], WORDS[Language.now]);
  const text = typeof found === 'string' ? found : key.split('.').pop();
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** Writes the words that stand in the markup. */
function translate() {
  document.documentElement.lang = Language.now;
  for (const element of document.querySelectorAll('[data-word]')) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', word(element.dataset.label));
  for (const element of document.querySelectorAll('[data-title]')) {
    element.title = word(element.dataset.title);
    element.setAttribute('aria-label', element.title);
  }
}
